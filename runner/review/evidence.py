"""What a run left in its folder: everything that its review page is made from."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from lifecycle.evaluation_output import evaluation_of, numbers
from runner import STAGES
from runner.notebook import ipynb
from runner.notebook.archive import read_json, read_record
from runner.review.drift import Drift, drift

SOURCE = "source.json"
SUMMARY = "data-summary.json"
BASELINE = "baseline.json"
PACKAGE = "package.json"
MODEL_CARD = "model-card.json"
# The cells with this tag hold the figures of the page; without any, all figures.
FIGURE_TAG = "review"
# Of Markdown, what a caption leaves out: targets of links, and marks around words.
MARKUP = re.compile(r"!?\[([^\]]*)\]\([^)]*\)|[`*]+([^`*]+)[`*]+")
MAGIC = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/webp": b"RIFF",
    "image/gif": b"GIF8",
}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """An image of an executed notebook, base64, with the words around it.

    Attributes:
        heading: the one that it stands under.
        caption: what the text below it says of it.
        description: what is to be seen in it, for those who do not see it.
    """

    heading: str
    mime: str
    content: str
    caption: str = ""
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One run of one model, as far as it came.

    Attributes:
        records: by stage what it was given, what it returned and how it ended.
        source: the model's settings, code and dependencies, the commit and its branch,
            and why the run failed, if it did.
        summary: the training data, column by column.
        baseline: what the version left that was live before this run.
        decision: who approved or rejected the package, and when.
        evaluation: the metrics, gates and the training job of this run.
        card: the model's README, what it lacks, and the name of SageMaker's model card.
        notebooks: the executed notebooks by stage.
    """

    model: str
    folder: Path
    records: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)
    baseline: Mapping[str, Any] = field(default_factory=dict)
    decision: Mapping[str, Any] = field(default_factory=dict)
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    card: Mapping[str, Any] = field(default_factory=dict)
    notebooks: Mapping[str, ipynb.Notebook] = field(default_factory=dict)

    def results(self, stage: str) -> Mapping[str, Any]:
        """Return what a stage returned; nothing unless it succeeded."""
        return self.records.get(stage, {}).get("results") or {}

    def parameters(self, stage: str) -> Mapping[str, Any]:
        """Return what a stage was given."""
        return self.records.get(stage, {}).get("parameters") or {}

    def run_fact(self, name: str) -> str:
        """Return a fact that every run records, as run_id, commit or fingerprint."""
        found = [record.get(name) for record in reversed(list(self.records.values()))]
        return str(next(filter(None, [*found, self.source.get(name)]), ""))

    @property
    def error(self) -> str:
        """Return why the run ended outside of its notebooks; "" if it did not."""
        return "" if self.unsuccessful else str(self.source.get("error") or "")

    @property
    def prepared(self) -> Mapping[str, Any]:
        """Return what prepare returned, in this run or in the one it continues."""
        return (
            self.results("prepare")
            or self.parameters("train-register").get("run", {}).get("prepare")
            or self.parameters("train-register")
        )

    @property
    def registered(self) -> Mapping[str, Any]:
        """Return what is known of the run's package: the deployed one, if one was."""
        trained, deployed = self.results("train-register"), self.results("deploy")
        # A deploy takes the newest approved version, which may be an earlier run's.
        other = deployed and deployed.get("version") != trained.get("version")
        return deployed if other else {**trained, **deployed}

    @property
    def unsuccessful(self) -> Mapping[str, Any] | None:
        """Return the record of the last stage that did not succeed."""
        ended = [one for one in self.records.values() if one["status"] != "succeeded"]
        return ended[-1] if ended else None

    @property
    def version(self) -> int | None:
        """Return the version of the package that this run is about."""
        number = self.registered.get("version")
        return int(number) if number else None

    @property
    def live_score(self) -> Mapping[str, Any]:
        """Return the live model's score on the candidate's test rows."""
        return self.evaluation.get("live") or {}

    @property
    def live_version(self) -> int | None:
        """Return the version that was live when this one was trained."""
        number = (self.live_score.get("live") or self.previous).get("version")
        return int(number) if number else None

    @property
    def is_baseline(self) -> bool:
        """Return whether this very version was live before this run already."""
        return bool(self.version) and self.baseline.get("version") == self.version

    @property
    def previous(self) -> Mapping[str, Any]:
        """Return the baseline, unless it is this very version."""
        return {} if self.is_baseline else self.baseline

    @property
    def card_text(self) -> str:
        """Return the model's README; "" if it has none."""
        return str(self.card.get("text") or "").strip()

    @property
    def metrics(self) -> Mapping[str, float | None]:
        """Return the candidate's metrics: shown, or else returned by its notebook."""
        shown, known = self.evaluation.get("metrics"), self.registered.get("metrics")
        judged = self.records.get("train-register", {}).get("metrics")
        return shown or numbers(known) or numbers(judged)

    @cached_property
    def drift(self) -> list[Drift]:
        """Return the training data compared with the live version's, by column."""
        before = self.previous.get("data-summary") or {}
        if not before or not self.summary:
            return []
        known = self.previous.get("evaluation") or {}
        # A column that is gone has counted in the live model only.
        shares = [one.get("importance") or {} for one in (known, self.evaluation)]
        label = next(iter(self.prepared.get("columns") or ()), "")
        classes = list(map(str, self.prepared.get("classes") or ()))
        former = (known.get("confusion_matrix") or {}).get("classes") or classes
        named = {label: (former, classes)} if classes else {}
        return drift(before, self.summary, shares[0] | shares[1], named)

    def figures(self) -> list[Figure]:
        """Return the figures of the training notebook, else of the last stage's."""
        trained = self.results("train-register")
        stage = "train-register" if trained else next(reversed(list(self.records)), "")
        notebook = self.notebooks.get(stage)
        return list(_figures(notebook)) if notebook is not None else []


def read_evidence(
    folder: Path, model: str, notebooks: Mapping[str, ipynb.Notebook] | None = None
) -> Evidence:
    """Read what a run left; what is missing is left empty.

    Args:
        notebooks: by stage the archived notebooks that are in memory already; the
            others are read from the folder.
    """
    known = notebooks or {}
    read = {stage: read_record(folder, stage) for stage in STAGES}
    records = {stage: record for stage, record in read.items() if record}
    found = {stage: known.get(stage) or _read_notebook(folder, stage) for stage in read}
    executed = {stage: one for stage, one in found.items() if one is not None}
    trained = executed.get("train-register") if records else None
    return Evidence(
        model=model,
        folder=folder,
        records=records,
        source=read_json(folder / SOURCE),
        summary=read_json(folder / SUMMARY),
        baseline=read_json(folder / BASELINE),
        decision=read_json(folder / PACKAGE),
        evaluation=(evaluation_of(trained) if trained else None) or {},
        card=read_json(folder / MODEL_CARD),
        notebooks=executed,
    )


def _figures(notebook: ipynb.Notebook) -> Iterator[Figure]:
    tagged = any(FIGURE_TAG in ipynb.cell_tags(cell) for cell in notebook.cells)
    for index, cell in enumerate(notebook.cells):
        if tagged and FIGURE_TAG not in ipynb.cell_tags(cell):
            continue
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            for mime, magic in MAGIC.items():
                image = data.get(mime, "")
                content = "".join(image.split()) if isinstance(image, str) else ""
                if _starts_with(content, magic):
                    yield Figure(
                        heading=ipynb.heading(notebook, index),
                        mime=mime,
                        content=content,
                        caption=_caption(notebook, index),
                        description=_description(data),
                    )


def _caption(notebook: ipynb.Notebook, index: int) -> str:
    """Return the first paragraph below a figure, unless it leads to the next cell."""
    below = notebook.cells[index + 1 : index + 2]
    if not below or below[0].cell_type != "markdown":
        return ""
    first = str(below[0].source).strip().partition("\n\n")[0]
    if first.startswith("#") or first.endswith(":"):
        return ""
    return " ".join(MARKUP.sub(r"\1\2", first).split())


def _description(data: Mapping[str, Any]) -> str:
    """Return what a figure says of itself; its name in Python says nothing."""
    text = data.get("text/plain")
    return text if isinstance(text, str) and not text.startswith("<") else ""


def _starts_with(content: str, magic: bytes) -> bool:
    """Return whether base64 is really an image of its type."""
    try:
        return base64.b64decode(content, validate=True).startswith(magic)
    except (binascii.Error, ValueError):
        return False


def _read_notebook(folder: Path, stage: str) -> ipynb.Notebook | None:
    path = folder / f"{stage}.ipynb"
    return ipynb.read(path) if path.is_file() else None
