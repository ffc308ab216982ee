"""`runner select`: the models that a change affects."""

from dataclasses import asdict

import click

from runner.cli.change import change_options, measured
from runner.cli.output import print_json
from runner.selection import Selection
from runner.spec import find_root

SHOWN = 3


@click.command()
@change_options
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def command(
    base: str | None, branch: str | None, pushed_from: str, as_json: bool
) -> None:
    """List the models that the checked-out commit affects, and why."""
    root = find_root()
    selection, _ = measured(root, base=base, branch=branch, pushed_from=pushed_from)
    if as_json:
        print_json(asdict(selection))
        return
    click.echo(told(selection))


def told(selection: Selection) -> str:
    """Tell a selection to people."""
    since = f"since {selection.base[:12]}" if selection.base else "since the beginning"
    count = len(selection.models)
    lines = [f"{count} model{'s' * (count != 1)} affected {since}"]
    for model in selection.models:
        lines.append(model.name)
        lines += [f"  {reason}" for reason in model.reasons[:SHOWN]]
        if len(model.reasons) > SHOWN:
            lines.append(f"  and {len(model.reasons) - SHOWN} more")
    lines += [f"{name}: deleted here; its endpoint stays" for name in selection.deleted]
    lines += [f"note: {note}" for note in selection.notes]
    return "\n".join(lines)
