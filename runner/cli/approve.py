"""`runner approve`: let a registered package be deployed."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner.cli.output import print_json
from runner.cli.target import aws_at, require_running, target_option
from runner.errors import CallError, RegistryError
from runner.fingerprint import fingerprint
from runner.spec import find_root, load_spec
from runner.workflow import approval_note, run_suffix

if TYPE_CHECKING:
    from runner.package import Package


@click.command()
@click.argument("model")
@click.option("--version", type=click.IntRange(1), help="Approve this one.")
@click.option(
    "--this-workflow",
    is_flag=True,
    help="Approve what this CircleCI workflow's train job registered.",
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@target_option
def command(
    model: str, version: int | None, this_workflow: bool, as_json: bool, target: str
) -> None:
    """Approve a package of MODEL: by default the newest of this checkout's content."""
    root = find_root()
    load_spec(root, model)
    if this_workflow and (version or not run_suffix()):
        raise CallError("--this-workflow: only in CircleCI, and without --version")
    require_running(target)
    with aws_at(target):
        arn = _chosen(root, model, version, this_workflow)
        package = _approve(model, arn)
    if as_json:
        print_json(asdict(package) | {"created": package.created.isoformat()})
        return
    click.echo(
        f"{model}: version {package.version} is {package.approval_status} "
        f"(fingerprint {package.fingerprint[:12]}, run {package.run_id})"
    )


def _approve(model: str, arn: str) -> "Package":
    from runner import registry

    return registry.approve(model, arn=arn, description=approval_note(model))


def _chosen(root: Path, model: str, version: int | None, this_workflow: bool) -> str:
    """Name the package that is meant, which is never simply the newest."""
    from runner import registry

    if version:
        return registry.find_package(model, version).arn
    content = fingerprint(root, model)
    if not this_workflow:
        return registry.find_newest(model, content).arn
    return _registered_here(model, content)


def _registered_here(model: str, content: str) -> str:
    """Find what this workflow's train job showed to the reviewer."""
    from runner.cli.earlier import succeeded
    from runner.package import describe

    runs = succeeded(model, "train-register", content, suffix=run_suffix())
    for record in runs:
        package = describe(record["results"]["package"])
        if package.fingerprint == content:
            return package.arn
    raise RegistryError(
        f"{model}: this workflow has registered nothing of the checkout's content "
        f"({content[:12]}); rerun its train job, and review what that shows"
    )
