"""`runner new`: begin a model."""

import click

from runner.scaffold import scaffold
from runner.spec import find_root


@click.command()
@click.argument("name")
@click.option("--like", default="abalone", show_default=True, help="The model to copy.")
def command(name: str, like: str) -> None:
    """Begin model NAME as a copy that runs at once."""
    root = find_root()
    for path in scaffold(root, name, like):
        click.echo(f"wrote {path.relative_to(root)}")
    click.echo(f"edit both, and try: python -m runner run {name}")
