"""Work that need not be done again: a model that is registered already."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from runner import artifacts, html, ipynb, session, storage
from runner.cli.plan import Plan
from runner.package import Package, packages
from runner.scrub import Scrubber

STAGE = "train-register"
# How far back a package is looked for: each one takes a call.
RECENT = 50


@dataclass(frozen=True, kw_only=True)
class Reused:
    """A registered package, and what the notebook that registered it left."""

    package: Package
    record: Mapping[str, Any]
    notebook: bytes

    @property
    def results(self) -> dict[str, Any]:
        """Give what the notebook returned, with the status that the package has now."""
        status = {"approval_status": self.package.approval_status}
        return dict(self.record["results"]) | status

    @property
    def word(self) -> str:
        """Say what is reused, and from when."""
        package = self.package
        return (
            f"reused version {package.version} of {package.created:%Y-%m-%d %H:%M}: "
            "nothing that determines the model has changed"
        )


def find_reusable(plan: Plan, results: Mapping[str, Any]) -> Reused | None:
    """Find the newest package of the same content and data that nobody rejected.

    Where model.yaml asks for no approval, one that waits for it is of no use.
    """
    waits = () if plan.spec.approval == "pre-approved" else ("PendingManualApproval",)
    for package in islice(packages(plan.model), RECENT):
        same = (
            package.fingerprint == plan.context["fingerprint"]
            and package.metadata.get("data_sha256") == results.get("data_sha256")
            and package.approval_status in ("Approved", *waits)
        )
        if same and (found := _evidence(package)):
            return found
    return None


def show(plan: Plan, reused: Reused) -> None:
    """Put the package's own notebook into build/, with a word on top of it."""
    path = plan.folder / f"{STAGE}.json"
    path.with_suffix(".ipynb").write_bytes(reused.notebook)
    shown = ipynb.read(path.with_suffix(".ipynb"))
    shown.cells.insert(0, ipynb.text_cell(f"> **{_sentence(reused)}**"))
    record = dict(reused.record) | {"reused": reused.word, "results": reused.results}
    artifacts.write_whole(path.with_suffix(".ipynb"), ipynb.dumps(shown))
    artifacts.write_whole(path.with_suffix(".html"), html.render(shown, record))
    clean = Scrubber.from_environment(os.environ).tree(record)
    artifacts.write_whole(path, json.dumps(clean, indent=2) + "\n")


def _sentence(reused: Reused) -> str:
    package = reused.package
    return (
        f"No training job was started: {reused.word}. What follows is the notebook of "
        f"run {package.run_id}, judged against what was live then."
    )


def _evidence(package: Package) -> Reused | None:
    """Read what the run that registered a package left, unless some of it is gone."""
    prefix = session.run_uri(package.model, package.run_id, "evidence")
    uris = [f"{prefix}/{STAGE}{suffix}" for suffix in (".json", ".ipynb")]
    if not all(storage.exists(uri) for uri in uris):
        return None
    record, notebook = storage.read_json(uris[0]), storage.read_bytes(uris[1])
    if record["status"] != "succeeded" or record["results"]["package"] != package.arn:
        return None
    return Reused(package=package, record=record, notebook=notebook)
