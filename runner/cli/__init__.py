"""The command line: it parses, calls and prints; verbs are imported when called."""

import atexit
import gc
import importlib
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, NoReturn

import click
from click.shell_completion import CompletionItem

from lifecycle.errors import CallError, did_you_mean
from runner.cli.ending import flush_output, one_line, prepare


class Verb(NamedTuple):
    """Which module has a verb's click command, and what `--help` says of it."""

    module: str
    summary: str


# The command of a verb is the function `<verb>_command` of its module.
VERBS = {
    "list": Verb("show", "List the models, with the notebooks of their own."),
    "show": Verb("show", "Show a model's spec, notebooks, parameters and content."),
    "run": Verb("run", "Execute stages; keep the executed notebooks in build/."),
    "review": Verb("release", "Rebuild the review page of a version from S3."),
    "approve": Verb("release", "Let a registered version be deployed."),
    "rollback": Verb("release", "Serve an earlier version again, verified."),
    "status": Verb("release", "Tell what is trained, approved and live."),
    "select": Verb("ci", "List the models that the checked-out commit affects."),
    "ci-config": Verb("ci", "Write the continuation config for CircleCI."),
    "deploy-marker": Verb("ci", "Show a deploy or rollback in CircleCI's Deploys."),
    "check": Verb("show", "Find what is wrong with specs and notebooks."),
    "environment": Verb("new", "Make the environments of models that have their own."),
    "new": Verb("new", "Begin a model of a table of your own."),
    "upload": Verb("new", "Put raw data where a model looks for it."),
    "local": Verb("local", "Serve the embedded AWS, alone or around a command."),
    "completion": Verb(
        "completion", "Print what completes verbs and models in a shell."
    ),
}
PROGRAM = "runner"
MODULE_PROGRAM = "python -m runner"


class Verbs(click.Group):
    """Imports a verb's module only when it is called, and prints errors in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"runner.cli.{VERBS[cmd_name].module}")
        name = f"{cmd_name.replace('-', '_')}_command"
        command: click.Command = getattr(module, name)
        return command

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.summary) for name, one in VERBS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in VERBS and not ctx.resilient_parsing:
            hint = did_you_mean(args[0], VERBS)
            raise CallError(f"{args[0]!r} is not a verb; {hint}")
        return super().resolve_command(ctx, args)

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> list[CompletionItem]:
        """Complete a verb without importing its module, or an option."""
        verbs = [
            CompletionItem(name, help=one.summary)
            for name, one in VERBS.items()
            if name.startswith(incomplete)
        ]
        return verbs + click.Command.shell_complete(self, ctx, incomplete)

    def invoke(self, ctx: click.Context) -> Any:
        with one_line(ctx.command_path):
            return super().invoke(ctx)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
def runner() -> None:
    """Run each model's notebooks: prepare, train and register, deploy."""


def main() -> None:
    """Run the command line; SIGTERM leaves through every `finally`, as Ctrl-C does."""
    # What verbs import and parse stays: to look for garbage early, or when all ends,
    # takes time and finds nothing.
    gc.set_threshold(100_000)
    atexit.register(gc.freeze)
    signal.signal(signal.SIGTERM, _exit_on_signal)
    is_module = Path(sys.argv[0]).name == "__main__.py"
    program = MODULE_PROGRAM if is_module else PROGRAM
    prepare()
    with one_line(program):
        try:
            code = runner(prog_name=program, standalone_mode=False)
        finally:
            flush_output()
    sys.exit(code)


def _exit_on_signal(signum: int, _: FrameType | None) -> NoReturn:
    sys.exit(128 + signum)
