"""`runner approve`: let a registered package be deployed."""

from dataclasses import asdict

import click

from runner.cli.output import print_json
from runner.cli.target import aws_at, require_running, target_option
from runner.fingerprint import fingerprint
from runner.spec import find_root, load_spec


@click.command()
@click.argument("model")
@click.option("--version", type=click.IntRange(1), help="Else this checkout's newest.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@target_option
def command(model: str, version: int | None, as_json: bool, target: str) -> None:
    """Approve the package of MODEL that has this checkout's content."""
    from runner import registry

    root = find_root()
    load_spec(root, model)
    require_running(target)
    with aws_at(target):
        content = fingerprint(root, model)
        chosen = version or registry.find_newest(model, content).version
        package = registry.approve(model, version=chosen)
    if as_json:
        print_json(asdict(package) | {"created": package.created.isoformat()})
        return
    click.echo(
        f"{model}: version {package.version} is {package.approval_status} "
        f"(fingerprint {package.fingerprint[:12]}, run {package.run_id})"
    )
