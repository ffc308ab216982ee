"""`runner list`: the models."""

import click

from runner.cli.output import print_json, print_table
from runner.spec import STAGES, find_notebook, find_root, list_models, load_spec


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def command(as_json: bool) -> None:
    """List the models, with the stages that each writes itself."""
    root = find_root()
    models = []
    for name in list_models(root):
        spec = load_spec(root, name)
        own = [s for s in STAGES if find_notebook(root, name, s).parent.name == name]
        models.append(
            {
                "name": name,
                "task": spec.task,
                "owner": spec.owner,
                "own": own,
                "description": spec.description,
            }
        )
    if as_json:
        print_json(models)
        return
    header = ["model", "task", "owner", "its own notebooks", "description"]
    rows = [
        [m["name"], m["task"], m["owner"], ", ".join(m["own"]), m["description"]]
        for m in models
    ]
    print_table("", header, rows)
