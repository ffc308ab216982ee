"""What an earlier run left, shown in the place of doing it again."""

import html
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from runner import artifacts, ipynb, session, storage
from runner.cli.plan import Plan
from runner.scrub import Scrubber

TOP = "<header>"  # of the page that was rendered of a notebook
NOT_DONE = {
    "prepare": "The data was not prepared again",
    "train-register": "No training job was started",
    "deploy": "Nothing was deployed",
}


@dataclass(frozen=True, kw_only=True)
class Reused:
    """What a stage of an earlier run left, and why it still holds."""

    record: Mapping[str, Any]
    notebook: ipynb.Notebook
    page: str
    why: str

    @property
    def stage(self) -> str:
        """Name the stage."""
        return str(self.record["stage"])

    @property
    def results(self) -> dict[str, Any]:
        """Give what the notebook returned, as far as it has not changed since."""
        return dict(self.record["results"])

    @property
    def word(self) -> str:
        """Say where it is from, and why."""
        return f"reused from run {self.record['run_id']}: {self.why}"

    @property
    def sentence(self) -> str:
        """Say what the notebook is that follows."""
        return (
            f"{NOT_DONE[self.stage]}: {self.why}. What follows is the notebook of run "
            f"{self.record['run_id']}; --no-reuse would run it again."
        )


def reused(
    model: str,
    record: Mapping[str, Any],
    why: str,
    now: Mapping[str, Any] = MappingProxyType({}),
) -> Reused | None:
    """Read the notebook that belongs to a record, unless one of them is gone."""
    if record["status"] != "succeeded" or "reused" in record:
        return None
    evidence = session.run_uri(model, record["run_id"], "evidence")
    uris = [f"{evidence}/{record['stage']}{suffix}" for suffix in (".ipynb", ".html")]
    if not all(map(storage.exists, uris)):
        return None
    notebook, page = map(storage.read_bytes, uris)
    return Reused(
        record={**record, "results": {**record["results"], **now}},
        notebook=ipynb.loads(notebook),
        page=page.decode(),
        why=why,
    )


def show(plan: Plan, reused: Reused) -> None:
    """Put the earlier run's own notebook into build/, with a word on top of it."""
    path = plan.folder / f"{reused.stage}.json"
    shown = ipynb.from_dict(reused.notebook)
    shown.cells.insert(0, ipynb.text_cell(f"> **{reused.sentence}**"))
    record = {**reused.record, "reused": reused.word}
    artifacts.write_whole(path.with_suffix(".ipynb"), ipynb.dumps(shown))
    page = announced(reused.page, reused.sentence)
    artifacts.write_whole(path.with_suffix(".html"), page)
    clean = Scrubber.from_environment(os.environ).tree(record)
    artifacts.write_whole(path, json.dumps(clean, indent=2) + "\n")


def announced(page: str, sentence: str) -> str:
    """Put a sentence on top of a notebook's page."""
    before, top, after = page.partition(TOP)
    return f"{before}{top}\n<p><strong>{html.escape(sentence)}</strong></p>{after}"
