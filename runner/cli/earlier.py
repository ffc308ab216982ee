"""What stages of earlier runs returned, from the evidence that they left in S3."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from runner import session, storage
from runner.cli.plan import Plan
from runner.errors import CallError


def earlier_results(plan: Plan) -> dict[str, Any]:
    """Find the data that training alone needs; other stages find theirs themselves."""
    if plan.stages[0].name != "train-register":
        return {}
    for record in succeeded(plan.model, "prepare", plan.context["fingerprint"]):
        return dict(record["results"])
    raise CallError(
        f"{plan.model}: train-register needs what prepare returns, and no run of this "
        "content has prepared data; add `--stage prepare`"
    )


def succeeded(
    model: str,
    stage: str,
    fingerprint: str,
    *,
    suffix: str = "",
    recent: int | None = None,
) -> Iterator[dict[str, Any]]:
    """Read what this content's runs of a stage left, newest first.

    Only the runs whose id ends with the suffix count: those of one CircleCI workflow.
    """
    for run_id in islice(reversed(run_ids(model)), recent):
        if not run_id.endswith(suffix):
            continue
        record = record_of(model, run_id, stage)
        same = record.get("fingerprint") == fingerprint
        if same and record["status"] == "succeeded":
            yield record


def run_ids(model: str) -> list[str]:
    """List the ids of a model's runs, oldest first."""
    bucket, prefix = storage.parse_uri(session.run_uri(model, ""))
    pages = session.client("s3").get_paginator("list_objects_v2")
    found = [
        one["Prefix"].removeprefix(prefix).strip("/")
        for page in pages.paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
        for one in page.get("CommonPrefixes", [])
    ]
    return sorted(found)


def record_of(model: str, run_id: str, stage: str) -> dict[str, Any]:
    """Read what a run recorded of a stage; nothing if the stage never began."""
    uri = session.run_uri(model, run_id, "evidence", f"{stage}.json")
    found: dict[str, Any] = storage.read_json(uri) if storage.exists(uri) else {}
    return found
