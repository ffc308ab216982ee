"""What a run left in its folder, read back: all that a review page is made of."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner import ipynb
from runner.artifacts import read_record
from runner.evaluated import evaluation_of
from runner.stages import STAGES

SOURCE = "source.json"
SUMMARY = "data-summary.json"
BASELINE = "baseline.json"
PACKAGE = "package.json"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One run of one model, as its folder has it."""

    model: str
    folder: Path
    records: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)
    baseline: Mapping[str, Any] = field(default_factory=dict)
    package: Mapping[str, Any] = field(default_factory=dict)
    evaluation: Mapping[str, Any] = field(default_factory=dict)

    def results(self, stage: str) -> Mapping[str, Any]:
        """Give what a stage returned; nothing unless it succeeded."""
        return self.records.get(stage, {}).get("results") or {}

    def parameters(self, stage: str) -> Mapping[str, Any]:
        """Give what a stage was given."""
        return self.records.get(stage, {}).get("parameters") or {}

    def fact(self, name: str) -> Any:
        """Find a fact of the run's lineage in the stage that has it."""
        for record in reversed(list(self.records.values())):
            if found := record.get(name):
                return found
        return ""

    def result(self, name: str) -> Any:
        """Find a result by its name, a later stage's first; else what it was given."""
        for stage in reversed(STAGES):
            for values in (self.results(stage), self.parameters(stage)):
                if name in values:
                    return values[name]
        return None

    @property
    def unsuccessful(self) -> Mapping[str, Any] | None:
        """Give the record of the stage that did not succeed."""
        ended = [one for one in self.records.values() if one["status"] != "succeeded"]
        return ended[-1] if ended else None

    @property
    def version(self) -> int | None:
        """Number the package that this run is about."""
        number = self.result("version")
        return int(number) if number else None

    @property
    def live_version(self) -> int | None:
        """Number the version that was live when this one was trained."""
        number = (self.scored.get("live") or self.former).get("version")
        return int(number) if number else None

    @property
    def was_live(self) -> bool:
        """Tell whether this very version was live before this run already."""
        return bool(self.version) and self.baseline.get("version") == self.version

    @property
    def former(self) -> Mapping[str, Any]:
        """Give what the version left that was live before, unless that is this one."""
        return {} if self.was_live else self.baseline

    @property
    def scored(self) -> Mapping[str, Any]:
        """Give the live model's score on the candidate's test rows."""
        return self.evaluation.get("live") or {}

    @property
    def metrics(self) -> Mapping[str, float | None]:
        """Give the candidate's metrics."""
        return self.evaluation.get("metrics") or self.result("metrics") or {}


def read_evidence(folder: Path, model: str) -> Evidence:
    """Read what a run left; whatever is not there, the page does without."""
    read = {stage: read_record(folder, stage) for stage in STAGES}
    records = {stage: record for stage, record in read.items() if record}
    notebook = read_notebook(folder, "train-register") if records else None
    return Evidence(
        model=model,
        folder=folder,
        records=records,
        source=_read(folder / SOURCE),
        summary=_read(folder / SUMMARY),
        baseline=_read(folder / BASELINE),
        package=_read(folder / PACKAGE),
        evaluation=(evaluation_of(notebook) if notebook else None) or {},
    )


def read_notebook(folder: Path, stage: str) -> ipynb.Notebook | None:
    """Read a stage's executed notebook, if there is one."""
    path = folder / f"{stage}.ipynb"
    return ipynb.read(path) if path.is_file() else None


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
