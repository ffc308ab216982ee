"""`runner rollback`: serve again what was live before."""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from runner import artifacts
from runner.cli.output import print_json
from runner.cli.target import aws_at, require_running, target_option
from runner.errors import RunnerError
from runner.parameters import offered_by_spec
from runner.spec import find_root, load_spec

if TYPE_CHECKING:
    from runner.cli.plan import Plan
    from runner.live import Live


STOPPED = (
    "stopped: what SageMaker was asked for goes on there; run the same command again "
    "to wait for it and to verify it"
)


@click.command()
@click.argument("model")
@click.option("--to", type=click.IntRange(1), help="This version; else the previous.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@target_option
def command(model: str, to: int | None, as_json: bool, target: str) -> None:
    """Serve what MODEL served before, verified as a deployment is."""
    from runner.cli.plan import plan

    root = find_root()
    load_spec(root, model)
    require_running(target)
    this = plan(root, model, ("deploy",), {})
    with aws_at(target):
        record = _recorded(this, to, quiet=as_json)
    if as_json:
        print_json(record)
        return
    click.echo(
        f"{model}: version {record['version']} is live, instead of version "
        f"{record['from_version']}"
    )


def _recorded(this: "Plan", to: int | None, quiet: bool) -> dict[str, Any]:
    """Roll back and keep what became of it, as every stage's evidence is kept."""
    from runner import session
    from runner.endpoint import live
    from runner.rollback import rollback

    before = live(this.model)
    record: dict[str, Any] = {
        "model": this.model,
        "run_id": this.context["run_id"],
        "ci_url": this.context["ci_url"],
        "from_version": before.version if before else None,
        "to": to,
    }
    try:
        with session.aws_errors():
            now = rollback(
                this.model,
                to=to,
                endpoint=offered_by_spec(this.spec)["endpoint"],
                on_progress=_silent if quiet else click.echo,
            )
    except RunnerError as error:
        _keep_anyway(this, record | {"status": "failed", "error": str(error)})
        raise
    except (KeyboardInterrupt, SystemExit):
        click.echo(STOPPED, err=True)
        _keep_anyway(this, record | {"status": "stopped", "error": STOPPED})
        raise
    record |= {"status": "succeeded", **_served(now)}
    _keep(this, record)
    return record


def _served(now: "Live") -> dict[str, Any]:
    """Give what is live as plain values."""
    from runner.live import utc

    shown = ("endpoint", "config", "version", "package", "fingerprint", "commit")
    values = asdict(now)
    return {name: values[name] for name in shown} | {"since": utc(now.since)}


def _keep(this: "Plan", record: Mapping[str, Any]) -> None:
    """Write build/<model>/rollback.json, and copy it to the run's evidence."""
    from runner import session, storage

    path = this.folder / "rollback.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    artifacts.write_whole(path, json.dumps(record, indent=2) + "\n")
    run_id = this.context["run_id"]
    uri = session.run_uri(this.model, run_id, "evidence", path.name)
    storage.write_json(uri, record)


def _keep_anyway(this: "Plan", record: Mapping[str, Any]) -> None:
    """Keep the evidence of a failure; failing at that does not hide it."""
    from runner import session

    with contextlib.suppress(RunnerError), session.aws_errors():
        _keep(this, record)


def _silent(text: str) -> None:
    """Say nothing, for programs that read the result."""
