"""`runner list`: the models."""

from pathlib import Path
from typing import Any

import click

from runner.cli.output import print_json, print_table
from runner.spec import find_notebook, find_root, list_models, load_spec
from runner.stages import STAGES


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def command(as_json: bool) -> None:
    """List the models, with the stages that each writes itself."""
    root = find_root()
    models = [_described(root, name) for name in list_models(root)]
    if as_json:
        print_json(models)
        return
    header = ["model", "task", "owner", "its own notebooks", "description"]
    rows = [
        [m["name"], m["task"], m["owner"], ", ".join(m["own"]), m["description"]]
        for m in models
    ]
    print_table("", header, rows)


def _described(root: Path, name: str) -> dict[str, Any]:
    spec = load_spec(root, name)
    own = [s for s in STAGES if find_notebook(root, name, s).parent.name == name]
    described = {"name": name, "task": spec.task, "owner": spec.owner, "own": own}
    return described | {"description": spec.description}
