"""What a run leaves in `build/` and in S3."""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from runner.errors import FileError, NotebookError, StoppedError
from runner.scrub import Scrubber
from runner.signature import shown

SUFFIXES = (".ipynb", ".html", ".json")
CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".ipynb": "application/x-ipynb+json",
    ".json": "application/json",
}


@dataclass(kw_only=True)
class Recording:
    """One stage of a run, while it runs; `output` is where the notebook goes."""

    output: Path
    record: dict[str, Any]
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def succeed(self, results: Mapping[str, Any]) -> None:
        """Note what the notebook returned."""
        self.record |= {"status": "succeeded", "results": dict(results)}

    def fail(self, error: BaseException, message: str) -> None:
        """Note why the notebook did not succeed."""
        by_choice = isinstance(error, StoppedError | KeyboardInterrupt | SystemExit)
        status = "stopped" if by_choice else "failed"
        self.record |= {"status": status, "results": None, "error": message}

    def finish(self) -> dict[str, Any]:
        """Give the whole record."""
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
    notebook: Path,
    run_id: str,
    parameters: Mapping[str, Any],
    lineage: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Recording]:
    """Archive a stage as notebook, HTML and JSON, however its execution ends.

    It is executed in a private folder: no secret reaches `folder`, not for a moment.
    """
    scrubber = Scrubber.from_environment(os.environ)
    record: dict[str, Any] = {"model": model, "stage": stage, "run_id": run_id}
    record |= dict(lineage)
    record |= {"notebook": str(shown(notebook)), "parameters": dict(parameters)}
    record |= {"status": "failed", "results": None}
    for suffix in SUFFIXES:
        (folder / f"{stage}{suffix}").unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="runner-") as private:
        output = Path(private, f"{stage}.ipynb")
        this = Recording(output=output, record=record)
        try:
            yield this
        except BaseException as error:
            message = scrubber.text(str(error) or type(error).__name__)
            this.fail(error, message)
            if isinstance(error, NotebookError):
                error.args = (message,)
                error.path = folder / output.name
            raise
        finally:
            archive(folder, output, this.finish(), scrubber)


def archive(
    folder: Path, executed: Path, record: Mapping[str, Any], scrubber: Scrubber
) -> None:
    """Write a stage's notebook, HTML and JSON, scrubbed, each whole or not at all."""
    clean = scrubber.tree(dict(record))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{clean['stage']}.json"
    try:
        if executed.exists():
            _archive_notebook(path, executed, clean, scrubber)
    except FileError as error:
        # A full disk may still have room for the few lines that say so.
        clean |= {"status": "failed", "results": None, "error": str(error)}
        raise
    finally:
        # The last one written says that the others are there.
        write_whole(path, json.dumps(clean, indent=2) + "\n")


def _archive_notebook(
    path: Path, executed: Path, clean: Mapping[str, Any], scrubber: Scrubber
) -> None:
    # They take a second to import, which `runner --help` should not.
    from runner import html, ipynb

    notebook = ipynb.from_dict(scrubber.tree(ipynb.read(executed)))
    write_whole(path.with_suffix(".ipynb"), ipynb.dumps(notebook))
    write_whole(path.with_suffix(".html"), html.render(notebook, clean))


def read_results(folder: Path, stage: str) -> dict[str, Any] | None:
    """Read what a stage returned, if it succeeded."""
    record = read_record(folder, stage)
    return record["results"] if record and record["status"] == "succeeded" else None


def read_record(folder: Path, stage: str) -> dict[str, Any] | None:
    """Read a stage's JSON, if the stage ran."""
    path = folder / f"{stage}.json"
    if not path.is_file():
        return None
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


def write_whole(path: Path, text: str) -> None:
    """Write a file in one step, so that nobody ever sees half of it."""
    try:
        _write_whole(path, text)
    except OSError as error:
        raise FileError(
            f"{shown(path)}: cannot be written, {error.strerror}; make room or give "
            "access, and run the same command again"
        ) from error


def _write_whole(path: Path, text: str) -> None:
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        try:
            file.write(text)
            file.flush()
            Path(file.name).chmod(0o644)
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def upload(
    folder: Path, s3_client: Any, prefix: str, known: dict[Path, int] | None = None
) -> list[str]:
    """Copy a folder's files below an S3 URI, to outlive CircleCI's artifacts.

    Those that have not changed since they became `known` are there already.
    """
    bucket, _, start = prefix.removeprefix("s3://").rstrip("/").partition("/")
    known = {} if known is None else known
    uris = []
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        changed = path.stat().st_mtime_ns
        if known.get(path) == changed:
            continue
        key = f"{start}/{path.relative_to(folder).as_posix()}"
        s3_client.put_object(
            Bucket=bucket,
            Key=key,
            Body=path.read_bytes(),
            ContentType=CONTENT_TYPES.get(path.suffix, "application/octet-stream"),
        )
        known[path] = changed
        uris.append(f"s3://{bucket}/{key}")
    return uris
