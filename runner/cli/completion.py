"""Completion of verbs, options and models in bash, zsh and fish."""

import click
from click.shell_completion import CompletionItem, get_completion_class

from lifecycle.errors import CallError

SHELLS = ("bash", "zsh", "fish")
EXAMPLES = """\
\b
Once in a shell with .venv activated, or in its startup file with the path to runner:
  eval "$(runner completion bash)"
  eval "$(runner completion zsh)"
  runner completion fish | source
"""


@click.command("completion", epilog=EXAMPLES)
@click.argument("shell", type=click.Choice(SHELLS))
def completion_command(shell: str) -> None:
    """Print what makes SHELL complete verbs, options and models of `runner`."""
    group = click.get_current_context().find_root().command
    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(group, {}, "runner", "_RUNNER_COMPLETE").source())


def complete_models(
    ctx: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the models of the clone whose names begin so; none outside of a clone."""
    from runner.spec.folders import find_root, list_models

    try:
        names = list_models(find_root())
    except CallError:
        return []
    given = ctx.params.get("models") or ()
    return [
        CompletionItem(name)
        for name in names
        if name.startswith(incomplete) and name not in given
    ]
