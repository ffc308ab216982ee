"""`runner review`: the review page of any version, and where a reviewer finds it."""

import os
from pathlib import Path

import click

from runner.cli.output import print_json
from runner.cli.target import aws_at, require_running, target_option
from runner.spec import check_name, find_root


@click.command()
@click.argument("model")
@click.option("--version", type=click.IntRange(1), help="Else the newest.")
@click.option(
    "--announce",
    is_flag=True,
    help="Print where CircleCI keeps the page of this job's run, and say so in GitHub.",
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@target_option
def command(
    model: str, version: int | None, announce: bool, as_json: bool, target: str
) -> None:
    """Fetch what a version of MODEL left in S3, and build its review page."""
    root = find_root()
    check_name(model)
    if announce:
        from runner.cli.announce import announced

        click.echo(announced(root, model, os.environ))
        return
    require_running(target)
    with aws_at(target):
        page = _rebuilt(root, model, version)
    shown = page.relative_to(root).as_posix()
    if as_json:
        print_json({"model": model, "page": shown})
    else:
        click.echo(f"open {shown}")


def _rebuilt(root: Path, model: str, version: int | None) -> Path:
    """Build the page anew, with what has been decided since."""
    from runner import evidence, registry
    from runner.cli.reviewing import write_json
    from runner.review.evidence import PACKAGE
    from runner.review.page import write_page

    package = registry.find_package(model, version)
    # No model's name has an @, so this is nobody's own folder.
    folder = root / "build" / f"{model}@{package.version}"
    evidence.download(evidence.evidence_uri(package), folder)
    write_json(folder / PACKAGE, evidence.approval(package))
    return write_page(folder, model)
