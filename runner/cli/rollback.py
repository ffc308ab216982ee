"""`runner rollback`: serve again what was live before."""

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner import artifacts
from runner.cli.output import print_json
from runner.cli.target import aws_at, require_running, target_option
from runner.errors import EndpointError, RunnerError, did_you_mean
from runner.spec import check_name, find_root

if TYPE_CHECKING:
    from runner.live import Live

STOPPED = (
    "stopped: what SageMaker was asked for goes on there; run the same command again "
    "to wait for it and to verify it"
)


@click.command()
@click.argument("model")
@click.option(
    "--to",
    "--version",
    "to",
    type=click.IntRange(1),
    help="This version; else the previous.",
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@target_option
def command(model: str, to: int | None, as_json: bool, target: str) -> None:
    """Serve what MODEL served before, verified as a deployment is."""
    # Whoever is on call may have a checkout whose model.yaml is the trouble.
    root = find_root()
    check_name(model)
    require_running(target)
    with aws_at(target):
        version = _live_version(root, model)
        record = _recorded(root / "build" / model, version, to, quiet=as_json)
    if as_json:
        print_json(record)
        return
    now, before = record["version"], record["from_version"]
    instead = f"instead of version {before}" if now != before else "as it was before"
    click.echo(f"{model}: version {now} is live, {instead}")


def _live_version(root: Path, model: str) -> int:
    """Number what is live; a name that nothing has may be a misspelt one."""
    from runner.live import live

    if before := live(model):
        return before.version
    names = [path.name for path in (root / "models").iterdir()]
    hint = "" if model in names else f"; {did_you_mean(model, names)}"
    raise EndpointError(f"{model}: nothing is live, so there is no way back{hint}")


def _recorded(folder: Path, before: int, to: int | None, quiet: bool) -> dict[str, Any]:
    """Roll back and keep what became of it, as every stage's evidence is kept."""
    from runner import session
    from runner.cli.plan import new_run_id
    from runner.rollback import rollback

    model = folder.name
    record: dict[str, Any] = {
        "model": model,
        "run_id": new_run_id(),
        "ci_url": os.environ.get("CIRCLE_BUILD_URL", ""),
        "from_version": before,
        "to": to,
    }
    try:
        with session.aws_errors():
            say = _silent if quiet else click.echo
            now = rollback(model, to=to, on_progress=say)
    except RunnerError as error:
        _keep_anyway(folder, record | {"status": "failed", "error": str(error)})
        raise
    except (KeyboardInterrupt, SystemExit):
        click.echo(STOPPED, err=True)
        _keep_anyway(folder, record | {"status": "stopped", "error": STOPPED})
        raise
    record |= {"status": "succeeded", **_served(now)}
    _keep(folder, record)
    return record


def _served(now: "Live") -> dict[str, Any]:
    """Give what is live as plain values."""
    from runner.live import utc

    shown = ("endpoint", "config", "version", "package", "fingerprint", "commit")
    values = asdict(now)
    return {name: values[name] for name in shown} | {"since": utc(now.since)}


def _keep(folder: Path, record: Mapping[str, Any]) -> None:
    """Write build/<model>/rollback.json, and copy it to the run's evidence."""
    from runner import session, storage

    path = folder / "rollback.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    artifacts.write_whole(path, json.dumps(record, indent=2) + "\n")
    uri = session.run_uri(record["model"], record["run_id"], "evidence", path.name)
    storage.write_json(uri, record)


def _keep_anyway(folder: Path, record: Mapping[str, Any]) -> None:
    """Keep the evidence of a failure; failing at that does not hide it."""
    from runner import session

    with contextlib.suppress(RunnerError), session.aws_errors():
        _keep(folder, record)


def _silent(text: str) -> None:
    """Say nothing, for programs that read the result."""
