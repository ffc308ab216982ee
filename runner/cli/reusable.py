"""Whether a stage was run for the same content already, and nothing else has changed.

`prepare` depends on the object at `data`, `train-register` on the prepared rows, and
`deploy` on what is approved and what is live.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from runner import session, storage
from runner.cli.earlier import record_of, succeeded
from runner.cli.plan import Plan, Stage
from runner.cli.reuse import Reused, reused
from runner.deployment import config_name
from runner.errors import RunnerError, StorageError
from runner.invocation import check_golden, read_golden
from runner.live import Live, live
from runner.package import Package, packages
from runner.parameters import offered_by_spec
from runner.registry import find_approved

# How far back a package, or a deploy, is looked for: each one takes a call.
RECENT = 20
SPLITS = ("train", "validation", "test")

Results = Mapping[str, Any]


def data_etag(plan: Plan) -> str:
    """Identify the raw data without reading it; nothing where that cannot be done."""
    with suppress(StorageError):
        return storage.etag(plan.given.get("data", plan.spec.data))
    return ""


@dataclass(frozen=True)
class Reusable:
    """What runs of one plan's content have left, as far as it may be shown again."""

    plan: Plan

    def find(self, stage: Stage, results: Results) -> Reused | None:
        """Find what an earlier run left, and running this stage would leave again.

        Where AWS cannot be asked, the notebook says so, and leaves it on record.
        """
        finders: Mapping[str, Callable[[Results], Reused | None]] = {
            "prepare": self._prepared,
            "train-register": self._registered,
            "deploy": self._deployed,
        }
        with suppress(RunnerError), session.aws_errors():
            return finders[stage.name](results)
        return None

    @cached_property
    def packages(self) -> Sequence[Package]:
        """List what is registered of this content and not rejected, newest first.

        Where model.yaml asks for no approval, what waits for one is of no use.
        """
        automatic = self.plan.spec.approval == "pre-approved"
        useful = ("Approved",) if automatic else ("Approved", "PendingManualApproval")
        return [
            package
            for package in islice(packages(self.plan.model), RECENT)
            if package.fingerprint == self.plan.context["fingerprint"]
            and package.approval_status in useful
        ]

    def _prepared(self, _: Results) -> Reused | None:
        """Find the rows of a package, made of the very object that is at `data` now."""
        etag = data_etag(self.plan) if self.packages else ""
        for package in self.packages if etag else ():
            record = record_of(package.model, package.run_id, "prepare")
            if record.get("data_etag") != etag:
                continue
            if all(storage.exists(record["results"][name]) for name in SPLITS):
                return reused(package.model, record, "same code, same raw data")
        return None

    def _registered(self, results: Results) -> Reused | None:
        """Find a package of the same rows."""
        for package in self.packages:
            if package.metadata.get("data_sha256") != results.get("data_sha256"):
                continue
            record = record_of(package.model, package.run_id, "train-register")
            if (record.get("results") or {}).get("package") == package.arn:
                why = f"version {package.version} has the same content and rows"
                now = {"approval_status": package.approval_status}
                return reused(package.model, record, why, now)
        return None

    def _deployed(self, _: Results) -> Reused | None:
        """Find how the version came to be live that is to be live."""
        model, content = self.plan.model, self.plan.context["fingerprint"]
        now = live(model)
        if now is None or not self._is_wanted(now):
            return None
        for record in islice(succeeded(model, "deploy", content), RECENT):
            same = record["results"].get("endpoint_config") == now.config
            if same and "reused" not in record:
                why = f"version {now.version} is live and predicts as at its training"
                return reused(model, record, why, {"changed": False})
        return None

    def _is_wanted(self, now: Live) -> bool:
        """Tell whether deploying would change nothing; the endpoint is asked again."""
        model, settings = self.plan.model, offered_by_spec(self.plan.spec)["endpoint"]
        if self.plan.given or not now.is_verified:
            return False
        package = find_approved(model, self.plan.context["fingerprint"])
        golden = read_golden(package)
        if golden is None or not now.serves(config_name(package, settings)):
            return False
        check_golden(model, golden)
        return True
