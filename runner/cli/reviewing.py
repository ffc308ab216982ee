"""What a review page needs besides the notebooks: gathered into the run's folder."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from runner import session, storage
from runner.artifacts import write_whole
from runner.cli.plan import Plan
from runner.errors import RunnerError
from runner.evaluated import evaluation_of
from runner.live import live
from runner.review.evidence import BASELINE, SOURCE, SUMMARY
from runner.review.page import write_page
from runner.scrub import Scrubber
from runner.source import source_record
from runner.stages import STAGES


def begin(plan: Plan) -> None:
    """Empty the run's folder of what another run left, and note what is run."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    for path in plan.folder.iterdir():
        if path.is_file():
            path.unlink()
    record = source_record(plan.root, plan.model, plan.given, os.environ)
    evidence = session.run_uri(plan.model, plan.context["run_id"], "evidence")
    write_json(plan.folder / SOURCE, record | {"evidence": evidence})
    write_json(plan.folder / BASELINE, baseline(plan.model))


def build(plan: Plan, results: Mapping[str, Any]) -> Path:
    """Write the review page of a run as far as it has come."""
    summary = str(results.get("train", "")).replace(
        "/train/train.csv", f"/evidence/{SUMMARY}"
    )
    if summary and not (plan.folder / SUMMARY).exists():
        # Data that another notebook wrote, or that cannot be read, has no summary.
        with suppress(RunnerError):
            write_json(plan.folder / SUMMARY, storage.read_json(summary))
    return write_page(plan.folder, plan.model)


def baseline(model: str) -> dict[str, Any]:
    """Copy what the live version's run left, for a comparison that lasts.

    A version whose evidence is gone, or cannot be read, is compared as far as it goes.
    """
    try:
        now = live(model)
        if now is None or not now.package:
            return {}
        known = {"version": now.version, "package": now.package, "run_id": now.run_id}
        return known | _evidence(session.run_uri(model, now.run_id, "evidence"))
    except RunnerError as error:
        return {"reason": str(error)}


def write_json(path: Path, content: Any) -> None:
    """Write JSON with no secret in it."""
    clean = Scrubber.from_environment(os.environ).tree(content)
    write_whole(path, json.dumps(clean, indent=2) + "\n")


def _evidence(prefix: str) -> dict[str, Any]:
    """Read the parts of a run's evidence that a comparison needs."""
    records = {stage: _optional(f"{prefix}/{stage}.json") or {} for stage in STAGES[:2]}
    trained = _optional(f"{prefix}/train-register.ipynb")
    prepared = records["prepare"].get("results") or {}
    return {
        "source": _optional(f"{prefix}/{SOURCE}"),
        "data-summary": _optional(f"{prefix}/{SUMMARY}"),
        "parameters": {name: one.get("parameters") for name, one in records.items()},
        "evaluation": evaluation_of(trained) if trained else None,
        "data_sha256": prepared.get("data_sha256"),
        "rows": prepared.get("rows"),
    }


def _optional(uri: str) -> Any:
    return storage.read_json(uri) if storage.exists(uri) else None
