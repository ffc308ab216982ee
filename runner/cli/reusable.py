"""Whether a stage was run for the same content already, and nothing else has changed.

What may be shown again is what running the stage would leave again. That depends on
more than the content: on the runner's code that notebooks call, on the object at
`data`, on what is live and was live, and on what somebody decided about a version.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from runner import session, storage
from runner.cli.earlier import record_of, succeeded
from runner.cli.plan import Plan, Stage
from runner.cli.reuse import Reused, reused
from runner.deployment import config_name
from runner.errors import RunnerError, StorageError
from runner.fingerprint import deployment, runner_code
from runner.invocation import check_golden, read_golden
from runner.live import Live, live
from runner.package import Package, packages
from runner.parameters import offered_by_spec
from runner.registry import find_approved
from runner.review.evidence import BASELINE

# How far back a package, or a run, is looked for: each one takes a call or two.
RECENT = 20
SPLITS = ("train", "validation", "test")
# What evidence that somebody has cut or changed leads to.
ODD = (AttributeError, KeyError, TypeError, ValueError)

Results = Mapping[str, Any]


def work(plan: Plan, stage: str) -> str:
    """Identify what a stage does and reads besides its content; "" if nobody can."""
    parts = {"runner": runner_code()}
    if stage == "prepare":
        parts["data"] = _etag(plan.given.get("data", plan.spec.data))
    if stage == "deploy":
        content = plan.context["fingerprint"]
        parts["deployment"] = deployment(plan.root, plan.model, content=content)
    if not all(parts.values()):
        return ""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _etag(data: str) -> str:
    """Identify raw data without reading it, unless it is a folder or out of reach."""
    with suppress(StorageError):
        return "" if data.endswith("/") else storage.etag(data)
    return ""


@dataclass(frozen=True)
class Reusable:
    """What runs of one plan's content have left, as far as it may be shown again."""

    plan: Plan

    def find(self, stage: Stage, results: Results) -> Reused | None:
        """Find what an earlier run left, and running this stage would leave again.

        Where AWS cannot be asked, the notebook says so, and leaves it on record.
        """
        finders: Mapping[str, Callable[[str, Results], Reused | None]] = {
            "prepare": self._prepared,
            "train-register": self._registered,
            "deploy": self._deployed,
        }
        with suppress(RunnerError, *ODD), session.aws_errors():
            if known := work(self.plan, stage.name):
                return finders[stage.name](known, results)
        return None

    def _prepared(self, known: str, _: Results) -> Reused | None:
        """Find the rows of the newest package, made of the data that is there now."""
        if (package := self._package()) is None:
            return None
        record = record_of(package.model, package.run_id, "prepare")
        rows = [record["results"][name] for name in SPLITS]
        if record["work"] != known or not all(map(storage.exists, rows)):
            return None
        return reused(package.model, record, "same code, same raw data")

    def _registered(self, known: str, results: Results) -> Reused | None:
        """Find the newest package, of the same rows, judged against what is live."""
        if (package := self._package()) is None or not self._is_judged(package):
            return None
        record = record_of(package.model, package.run_id, "train-register")
        same = package.metadata["data_sha256"] == results["data_sha256"]
        ours = record["results"]["package"] == package.arn and record["work"] == known
        if not (same and ours):
            return None
        status = package.approval_status
        why = f"version {package.version}, now {status}, has the same code and rows"
        now = {"approval_status": status}
        return reused(package.model, record, why, now)

    def _deployed(self, known: str, _: Results) -> Reused | None:
        """Find how the version came to be live that is to be live."""
        model, content = self.plan.model, self.plan.context["fingerprint"]
        now = live(model)
        if now is None or not self._is_wanted(now):
            return None
        for record in succeeded(model, "deploy", content, recent=RECENT):
            same = record["results"]["endpoint_config"] == now.config
            if same and record["work"] == known and "reused" not in record:
                why = f"version {now.version} is live and predicts as at its training"
                return reused(model, record, why, {"changed": False})
        return None

    def _package(self) -> Package | None:
        """Find the package of this content that a deploy would take once approved.

        Where model.yaml asks for no approval, what waits for one is of no use.
        """
        automatic = self.plan.spec.approval == "pre-approved"
        useful = ("Approved",) if automatic else ("Approved", "PendingManualApproval")
        for package in islice(packages(self.plan.model), RECENT):
            same = package.fingerprint == self.plan.context["fingerprint"]
            if same and package.approval_status in useful:
                return package
        return None

    def _is_judged(self, package: Package) -> bool:
        """Tell whether what was live when it was judged still is, or it is live itself.

        Content that somebody went back from is to be trained again.
        """
        now = live(package.model)
        evidence = session.run_uri(package.model, package.run_id, "evidence", BASELINE)
        judged = storage.read_json(evidence).get("package", "")
        if now is None:
            return not judged
        return now.rolled_back_from != package.fingerprint and (
            now.package in (package.arn, judged)
        )

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
