"""The command line: one module per verb, imported when the verb is called."""

import importlib
import signal
import sys
from types import FrameType
from typing import Any, NoReturn

import click

from runner.errors import RunnerError

VERBS = {
    "list": "runner.cli.list_models",
    "show": "runner.cli.show",
    "run": "runner.cli.run",
    "review": "runner.cli.review",
    "approve": "runner.cli.approve",
    "rollback": "runner.cli.rollback",
    "status": "runner.cli.status",
    "select": "runner.cli.select",
    "ci-config": "runner.cli.ci_config",
    "new": "runner.cli.new",
    "local": "runner.cli.local",
}


class Verbs(click.Group):
    """Import a verb's module only when it is called, and say errors in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(VERBS[cmd_name]).command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RunnerError as error:
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
    signal.signal(signal.SIGTERM, _terminated)
    runner(prog_name="python -m runner")


def _terminated(signum: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + signum)
