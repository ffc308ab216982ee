"""What a run keeps of a stage: the executed notebook, its HTML page and a record.

Nothing is written before secrets are scrubbed, and each file is written whole or not
at all.
"""

import contextlib
import importlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from posixpath import normpath
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, unquote

from notebook_page.outputs import shown_in_short
from secret_scrubber import Scrubber

from runner import STAGES
from runner.errors import (
    FileError,
    NotebookError,
    StoppedError,
    display_path,
)
from runner.notebook import ipynb

# Returns whether archiving has to come to its end.
IsLate = Callable[[], bool]

SUFFIXES = (".ipynb", ".html", ".json")
STATUSES = ("succeeded", "failed", "stopped")
# Where CircleCI's address of a build names the repository on GitHub.
REPOSITORY = re.compile(
    r"https://(?:app\.)?circleci\.com/(?:gh|github)/([\w.-]+/[\w.-]+)/"
)
COMMIT = re.compile(r"[0-9a-f]{7,40}")
# From build/<model>/, where pages lie, to the repository.
REPOSITORY_FOLDER = "../.."
# What of a record is text.
TEXTS = ("run_id", "fingerprint", "commit", "ci_url", "notebook", "started", "work")


@dataclass(kw_only=True)
class Recording:
    """One stage of a run, while it runs.

    `notebook` is the executed notebook as soon as there is one; after the stage it is
    the archived one, without secrets.
    """

    record: dict[str, Any]
    notebook: ipynb.Notebook | None = None
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def succeed(self, results: Mapping[str, Any]) -> None:
        """Record what the notebook returned."""
        self.record |= {"status": "succeeded", "results": dict(results)}

    def fail(self, error: BaseException, message: str) -> None:
        """Record why the stage did not succeed."""
        stopped = isinstance(error, StoppedError | KeyboardInterrupt | SystemExit)
        status = "stopped" if stopped else "failed"
        self.record |= {"status": status, "results": None, "error": message}

    def finish(self) -> dict[str, Any]:
        """Return the whole record, with its start and its duration in seconds."""
        took = datetime.now(UTC) - self.started
        started = self.started.isoformat(timespec="seconds")
        seconds = round(took.total_seconds(), 3)
        return self.record | {"started": started, "seconds": seconds}


@contextlib.contextmanager
def recording(
    folder: Path,
    *,
    model: str,
    stage: str,
    source: Path,
    run_id: str,
    parameters: Mapping[str, Any],
    lineage: Mapping[str, str] = MappingProxyType({}),
    is_late: IsLate = lambda: False,
) -> Iterator[Recording]:
    """Archive a stage in `folder` as notebook, HTML and JSON, however it ends.

    The message of an error that leaves the block is scrubbed, and names the notebook.
    """
    scrubber = Scrubber.from_environment(os.environ)
    record: dict[str, Any] = {"model": model, "stage": stage, "run_id": run_id}
    record |= dict(lineage)
    record |= {"notebook": str(display_path(source)), "parameters": dict(parameters)}
    record |= {"status": "failed", "results": None}
    for suffix in SUFFIXES:
        (folder / f"{stage}{suffix}").unlink(missing_ok=True)
    this = Recording(record=record)
    try:
        yield this
    except BaseException as error:
        cause = error.__cause__ if isinstance(error, SystemExit) else None
        message = scrubber.text(str(cause or error) or type(error).__name__)
        this.fail(error, message)
        if isinstance(error, NotebookError):
            error.args = (message,)
            error.path = folder / f"{stage}.ipynb"
        raise
    finally:
        # Until it is archived it may hold secrets, so a failure must not leave it.
        executed, this.notebook = this.notebook, None
        record = this.finish()
        this.notebook = archive(folder, executed, record, scrubber, is_late=is_late)


def import_ahead() -> None:
    """Import what archiving needs, which takes as long as a short notebook."""
    importlib.import_module("notebook_page.page")
    Scrubber().text("the detectors are loaded for a longer text".ljust(1000))


def archive(
    folder: Path,
    notebook: ipynb.Notebook | None,
    record: Mapping[str, Any],
    scrubber: Scrubber,
    *,
    is_late: IsLate = lambda: False,
) -> ipynb.Notebook | None:
    """Write a stage's notebook, HTML and JSON without secrets; return the notebook.

    Args:
        is_late: says when outputs that are not scrubbed yet are left out.
    """
    clean = scrubber.tree(dict(record))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{clean['stage']}.json"
    if notebook is not None:
        notebook = _without_secrets(notebook, scrubber, is_late)
    try:
        if notebook is not None:
            write_notebook(path, notebook, clean)
    except FileError as error:
        # A full disk may still have room for the few lines that say so.
        clean |= {"status": "failed", "results": None, "error": str(error)}
        raise
    finally:
        # Written last: it says that the others are there.
        write_whole(path, json.dumps(clean, indent=2) + "\n")
    return notebook


def _without_secrets(
    notebook: ipynb.Notebook, scrubber: Scrubber, is_late: IsLate
) -> ipynb.Notebook:
    """Scrub a notebook, output by output as long as there is time."""
    cells = []
    for cell in notebook.cells:
        clean = scrubber.tree({**cell, "outputs": []})
        for output in cell.get("outputs", []):
            bulky = output["output_type"] != "error" and is_late()
            kept = shown_in_short(output) if bulky else output
            clean["outputs"].append(scrubber.tree(kept))
        if "outputs" not in cell:
            del clean["outputs"]
        cells.append(clean)
    return ipynb.from_dict(scrubber.tree({**notebook, "cells": []}) | {"cells": cells})


def write_notebook(
    record_path: Path,
    notebook: ipynb.Notebook,
    record: Mapping[str, Any],
) -> None:
    """Write a notebook and its HTML page beside its record.

    Raises:
        FileError: one cannot be written, or there is no way to show the notebook.
    """
    write_whole(record_path.with_suffix(".ipynb"), ipynb.dumps(notebook))
    page = record_path.with_suffix(".html")
    write_whole(page, _render(page, notebook, record))


def _render(page: Path, notebook: ipynb.Notebook, record: Mapping[str, Any]) -> str:
    # Takes a while to import, which `runner --help` should not.
    from notebook_page.page import Header, PageError, render

    source = str(record.get("notebook", ""))
    folder = PurePosixPath(source).parent
    started = str(record.get("started", ""))
    facts = (
        f"run {record.get('run_id', '')}",
        started.replace("T", " ").replace("+00:00", " UTC"),
        f"{record.get('seconds', 0):.1f} s",
        source,
    )
    header = Header(
        title=str(record.get("model", "")),
        subtitle=str(record.get("stage", "")),
        status=str(record.get("status", "")),
        facts=list(filter(None, facts)),
        error=str(record.get("error") or ""),
        tables={
            "Results": record.get("results") or {},
            "Parameters": record.get("parameters") or {},
        },
    )
    try:
        return render(
            notebook,
            header,
            folder=Path(folder),
            link=lambda address: linked(address, folder, record),
        )
    except PageError as error:
        raise FileError(f"{display_path(page)}: {error}") from error


def linked(address: str, folder: PurePosixPath, record: Mapping[str, Any]) -> str:
    """Return where a link that is relative to a notebook leads from its page.

    Args:
        folder: of the notebook.
        record: of its run, which names the commit.
    """
    path, _, anchor = unquote(address).partition("#")
    if "\\" in path or ":" in path or path.startswith("/"):
        return ""
    stage = PurePosixPath(path)
    fragment = f"#{quote(anchor)}" if anchor else ""
    if stage.suffix == ".ipynb" and stage.stem in STAGES:
        return f"{stage.stem}.html{fragment}"
    inside = normpath(folder / path)
    if inside.startswith(("..", "/")):
        return ""
    known = REPOSITORY.match(str(record.get("ci_url") or ""))
    commit = COMMIT.match(str(record.get("commit") or ""))
    if known and commit:
        root = f"https://github.com/{known[1]}/blob/{commit[0]}"
    else:
        root = REPOSITORY_FOLDER
    return f"{root}/{quote(inside)}{fragment}"


def read_json(path: Path) -> dict[str, Any]:
    """Read an object that `write_json` has written; an empty one if it is not there."""
    content = path.read_text(encoding="utf-8") if path.is_file() else "{}"
    found: dict[str, Any] = json.loads(content)
    return found


def read_record(folder: Path, stage: str) -> dict[str, Any] | None:
    """Read the record of a stage; None if the stage did not run.

    Raises:
        ValueError: the file is not the record of this stage.
    """
    path = folder / f"{stage}.json"
    if not path.is_file():
        return None
    record = as_record(json.loads(path.read_text(encoding="utf-8")), stage)
    if record is None:
        raise ValueError(f"{display_path(path)}: not the record of a stage")
    return record


def as_record(value: Any, stage: str) -> dict[str, Any] | None:
    """Return a JSON value if it is the record of a stage; None if it is not."""
    if not isinstance(value, dict) or value.get("stage", stage) != stage:
        return None
    results, parameters = value.get("results"), value.get("parameters", {})
    is_record = (
        value.get("status") in STATUSES
        and (results is None or isinstance(results, dict))
        and isinstance(parameters, dict)
        and all(isinstance(value.get(name, ""), str) for name in TEXTS)
        and isinstance(value.get("seconds", 0), int | float)
    )
    return value if is_record else None


def write_whole(path: Path, text: str) -> None:
    """Write a file in one step, so that no reader ever sees a part of it.

    Raises:
        FileError: it cannot be written, for instance because the disk is full.
    """
    try:
        _replace(path, text)
    except OSError as error:
        error.filename = path
        raise FileError.of(error, path) from error


def write_json(path: Path, content: Any) -> None:
    """Write JSON in one step, without secrets."""
    clean = Scrubber.from_environment(os.environ).tree(content)
    write_whole(path, json.dumps(clean, indent=2) + "\n")


def _replace(path: Path, text: str) -> None:
    with tempfile.NamedTemporaryFile(
        "w",
        encoding="utf-8",
        # JSON's own way to write half a character, which a cell can display.
        errors="backslashreplace",
        dir=path.parent,
        prefix=f".{path.name}.",
        delete=False,
    ) as file:
        try:
            file.write(text)
            file.flush()
            Path(file.name).chmod(0o644)
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
