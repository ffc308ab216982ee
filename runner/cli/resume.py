"""Going on with a run that failed, from the stage that failed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import PurePosixPath
from typing import Any

from runner import session, storage
from runner.cli.earlier import record_of, run_ids
from runner.cli.plan import Plan
from runner.errors import CallError


@dataclass(frozen=True, kw_only=True)
class Resumed:
    """The rest of a run, and what its earlier stages returned."""

    plan: Plan
    results: Mapping[str, Any]
    done: tuple[str, ...]

    def restore(self) -> None:
        """Put back into build/ what the stages that succeeded left."""
        evidence = session.run_uri(
            self.plan.model, self.plan.context["run_id"], "evidence"
        )
        bucket, prefix = storage.parse_uri(evidence)
        pages = session.client("s3").get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=bucket, Prefix=f"{prefix}/", Delimiter="/"):
            for one in page.get("Contents", []):
                name = PurePosixPath(one["Key"]).name
                if name.partition(".")[0] in self.done:
                    content = storage.read_bytes(f"{evidence}/{name}")
                    (self.plan.folder / name).write_bytes(content)


def resume(plan: Plan) -> Resumed:
    """Find this content's newest run and leave out the stages that it completed."""
    names = [stage.name for stage in plan.stages]
    for run_id in reversed(run_ids(plan.model)):
        records = {name: record_of(plan.model, run_id, name) for name in names}
        known = [one for one in records.values() if one]
        if any(one["fingerprint"] == plan.context["fingerprint"] for one in known):
            return _rest(plan, run_id, records)
    raise CallError(
        f"{plan.model}: no run of this content to resume, and repairing a notebook's "
        "code makes it another; leave out --resume"
    )


def _rest(plan: Plan, run_id: str, records: Mapping[str, Mapping[str, Any]]) -> Resumed:
    done = tuple(takewhile(lambda name: _succeeded(records[name]), records))
    if len(done) == len(plan.stages):
        raise CallError(
            f"{plan.model}: run {run_id} of this content succeeded, so nothing of it "
            "is left to resume; leave out --resume"
        )
    results: dict[str, Any] = {}
    for name in done:
        results |= records[name]["results"]
    rest = tuple(stage for stage in plan.stages if stage.name not in done)
    context = dict(plan.context) | {"run_id": run_id}
    return Resumed(
        plan=replace(plan, stages=rest, context=context), results=results, done=done
    )


def _succeeded(record: Mapping[str, Any]) -> bool:
    return bool(record) and record["status"] == "succeeded"
