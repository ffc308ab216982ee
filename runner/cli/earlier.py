"""What stages before this run's first one returned, from the evidence in S3."""

from typing import Any

from runner import session, storage
from runner.cli.plan import Plan
from runner.errors import CallError


def earlier_results(plan: Plan) -> dict[str, Any]:
    """Find the data that training alone needs; other stages find theirs themselves."""
    if plan.stages[0].name != "train-register":
        return {}
    for run_id in reversed(run_ids(plan.model)):
        record = _record(plan.model, run_id)
        same = record and record.get("fingerprint") == plan.context["fingerprint"]
        if record and same and record["status"] == "succeeded":
            return dict(record["results"])
    raise CallError(
        f"{plan.model}: train-register needs what prepare returns, and no run of this "
        "content has prepared data; add `--stage prepare`"
    )


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


def _record(model: str, run_id: str) -> dict[str, Any] | None:
    uri = session.run_uri(model, run_id, "evidence", "prepare.json")
    if not storage.exists(uri):
        return None
    record: dict[str, Any] = storage.read_json(uri)
    return record
