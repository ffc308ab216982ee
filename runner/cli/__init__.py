"""The command line: it parses, calls and prints; verbs are imported when called."""

import importlib
import signal
import sys
from types import FrameType
from typing import Any, NoReturn

import click

from lifecycle.errors import LifecycleError

# By verb the module and the click command in it.
VERBS = {
    "list": ("runner.cli.run", "list_command"),
    "show": ("runner.cli.run", "show_command"),
    "run": ("runner.cli.run", "run_command"),
    "review": ("runner.cli.release", "review_command"),
    "approve": ("runner.cli.release", "approve_command"),
    "rollback": ("runner.cli.release", "rollback_command"),
    "status": ("runner.cli.release", "status_command"),
    "select": ("runner.cli.ci", "select_command"),
    "ci-config": ("runner.cli.ci", "ci_config_command"),
    "new": ("runner.cli.run", "new_command"),
    "local": ("runner.cli.local", "local_command"),
}


class Verbs(click.Group):
    """Imports a verb's module only when it is called, and prints errors in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module, name = VERBS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except LifecycleError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(128 + signal.SIGINT)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
def runner() -> None:
    """Run each model's notebooks: prepare, train and register, deploy."""


def main() -> None:
    """Run the command line; SIGTERM leaves through every `finally`, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, _exit_on_signal)
    runner(prog_name="python -m runner")


def _exit_on_signal(signum: int, _: FrameType | None) -> NoReturn:
    sys.exit(128 + signum)
