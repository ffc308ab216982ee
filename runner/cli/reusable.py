"""Whether a stage was run for the same content already, and nothing else has changed.

`prepare` depends on the object at `data`, `train-register` on the prepared rows, and
`deploy` on what is approved and what is live.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any

from runner import storage
from runner.cli.earlier import record_of, succeeded
from runner.cli.plan import Plan, Stage
from runner.cli.reuse import Reused, reused
from runner.deployment import config_name
from runner.errors import EndpointError, NotApprovedError, StorageError
from runner.invocation import check_golden, read_golden
from runner.live import Live, live
from runner.package import Package, packages
from runner.parameters import offered_by_spec
from runner.registry import find_approved

# How far back a package is looked for: each one takes a call.
RECENT = 50
SPLITS = ("train", "validation", "test")

Results = Mapping[str, Any]


def find_reusable(plan: Plan, stage: Stage, results: Results) -> Reused | None:
    """Find what an earlier run left and what running this stage would leave again."""
    finders: Mapping[str, Callable[[Plan, Results], Reused | None]] = {
        "prepare": _prepared,
        "train-register": _registered,
        "deploy": _deployed,
    }
    return finders[stage.name](plan, results)


def data_etag(plan: Plan) -> str:
    """Identify the raw data without reading it; nothing where that cannot be done."""
    with suppress(StorageError):
        return storage.etag(plan.given.get("data", plan.spec.data))
    return ""


def _prepared(plan: Plan, _: Results) -> Reused | None:
    """Find the rows of a package, made of the very object that is at `data` now."""
    etag = data_etag(plan)
    for package in _of_this_content(plan):
        record = record_of(plan.model, package.run_id, "prepare")
        if not etag or record.get("data_etag") != etag:
            continue
        if all(storage.exists(record["results"][name]) for name in SPLITS):
            return reused(plan.model, record, "same code, same raw data")
    return None


def _registered(plan: Plan, results: Results) -> Reused | None:
    """Find a package of the same rows."""
    for package in _of_this_content(plan):
        if package.metadata.get("data_sha256") != results.get("data_sha256"):
            continue
        record = record_of(plan.model, package.run_id, "train-register")
        if (record.get("results") or {}).get("package") == package.arn:
            why = f"version {package.version} has the same content and rows"
            now = {"approval_status": package.approval_status}
            return reused(plan.model, record, why, now)
    return None


def _deployed(plan: Plan, _: Results) -> Reused | None:
    """Find how the version came to be live that is to be live."""
    now = live(plan.model)
    if now is None or plan.given or not _is_wanted(plan, now):
        return None
    content = plan.context["fingerprint"]
    for record in islice(succeeded(plan.model, "deploy", content), RECENT):
        same = record["results"].get("endpoint_config") == now.config
        if same and "reused" not in record:
            why = f"version {now.version} is live and predicts as at its training"
            return reused(plan.model, record, why, {"changed": False})
    return None


def _of_this_content(plan: Plan) -> Iterator[Package]:
    """List what is registered of this content and not rejected, newest first.

    Where model.yaml asks for no approval, what waits for one is of no use.
    """
    waits = () if plan.spec.approval == "pre-approved" else ("PendingManualApproval",)
    for package in islice(packages(plan.model), RECENT):
        same = package.fingerprint == plan.context["fingerprint"]
        if same and package.approval_status in ("Approved", *waits):
            yield package


def _is_wanted(plan: Plan, now: Live) -> bool:
    """Tell whether deploying would change nothing: the endpoint is asked once more."""
    settings = offered_by_spec(plan.spec)["endpoint"]
    with suppress(EndpointError, NotApprovedError, StorageError):
        package = find_approved(plan.model, plan.context["fingerprint"])
        golden = read_golden(package)
        if golden and now.is_verified and now.serves(config_name(package, settings)):
            check_golden(plan.model, golden)
            return True
    return False
