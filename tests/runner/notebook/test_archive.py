"""A stage is archived as notebook, HTML page and record, without secrets."""

import base64
import html
import json
import resource
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import toys
from bs4 import BeautifulSoup
from forked_kernels.client import WarmKernels
from notebook_page import page as notebook_page
from secret_scrubber import MASK, Scrubber

from runner.errors import CellError, FileError, StoppedError, display_path
from runner.notebook import ipynb
from runner.notebook.archive import (
    Recording,
    archive,
    as_record,
    linked,
    read_record,
    recording,
    write_json,
    write_whole,
)
from runner.notebook.execute import ExecutedNotebook

TOYS = Path(__file__).parent / "toys"
SECRET = "s3cr&t<\"of'the>\\toy"
RECORD = {"model": "toy", "stage": "prepare", "run_id": "r1", "notebook": "toy.ipynb"}


@pytest.fixture(scope="module")
def build(
    kernels: WarmKernels | None,
    execute_recorded: Callable[..., ExecutedNotebook],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Path]:
    """The folder in which a leaking and a failing notebook are archived."""
    folder = tmp_path_factory.mktemp("build") / "toy"
    failing = {"text": f"no access with {SECRET}"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAGEMAKER_TOKEN", SECRET)
        execute_recorded(TOYS / "leaks.ipynb", folder, {}, kernels=kernels)
        with pytest.raises(CellError) as caught:
            execute_recorded(TOYS / "raises.ipynb", folder, failing, kernels=kernels)
        (folder.parent / "error").write_text(f"{caught.value}\n{caught.value.path}")
        yield folder


def read_results(folder: Path, stage: str) -> Any:
    """Read what a stage returned; None unless it succeeded."""
    record = read_record(folder, stage)
    return record["results"] if record and record["status"] == "succeeded" else None


def record_stage(
    folder: Path, stage: str = "adds", error: BaseException | None = None
) -> Any:
    """Archive a notebook that was executed, or ended by an error."""
    source = TOYS / f"{stage}.ipynb"
    about = {"model": "toy", "stage": stage, "run_id": "r1", "parameters": {}}
    with recording(folder, source=source, **about) as one:
        one.notebook = ipynb.read(source)
        if error:
            raise error
    return one


def test_a_stage_leaves_notebook_html_and_json(build: Path) -> None:
    """It leaves nothing else, and no temporary file."""
    names = sorted(path.name for path in build.iterdir())

    assert names == [
        *("leaks.html", "leaks.ipynb", "leaks.json"),
        *("raises.html", "raises.ipynb", "raises.json"),
    ]


def test_the_record_tells_what_ran_and_how_it_ended(build: Path) -> None:
    """A later stage and the review page read it."""
    record = read_record(build, "leaks")

    assert record is not None
    assert (record["model"], record["stage"]) == ("toy", "leaks")
    assert (record["status"], record["run_id"]) == ("succeeded", "r1")
    assert record["results"] == {"secret": MASK}
    assert record["notebook"] == str(display_path(TOYS / "leaks.ipynb"))
    assert record["started"].endswith("+00:00")
    assert record["seconds"] > 0


def test_a_failure_is_recorded_too(build: Path) -> None:
    """It has an error, and no results."""
    record = read_record(build, "raises")

    assert record is not None
    assert (record["status"], record["results"]) == ("failed", None)
    assert f"ValueError: no access with {MASK}" in record["error"]


def test_the_error_is_scrubbed_and_has_the_path_of_the_notebook(build: Path) -> None:
    """It is printed, and CI keeps what is printed."""
    message, path = (build.parent / "error").read_text().splitlines()

    assert message.endswith(f"ValueError: no access with {MASK}")
    assert path == str(build / "raises.ipynb")


def test_no_secret_is_in_any_artifact(build: Path) -> None:
    """Printed, returned, displayed, raised, passed or in base64, it is masked."""
    spelt = [SECRET, json.dumps(SECRET)[1:-1], html.escape(SECRET), repr(SECRET)[1:-1]]
    spelt.append(base64.b64encode(f"user:{SECRET}".encode()).decode())
    found = [
        (path.name, one)
        for path in build.iterdir()
        for one in (*spelt, *(json.dumps(each)[1:-1] for each in spelt))
        if one in path.read_text()
    ]

    assert found == []
    assert (build / "leaks.ipynb").read_text().count(MASK) >= 6


def test_results_are_only_those_of_a_success(build: Path) -> None:
    """A stage that failed or never ran has none."""
    assert read_results(build, "leaks") == {"secret": MASK}
    assert read_results(build, "raises") is None
    assert read_results(build, "deploy") is None


def stopped_by(number: int) -> SystemExit:
    """Make the exception of a signal that stopped a notebook."""
    error = SystemExit(128 + number)
    error.__cause__ = StoppedError("told to stop")
    return error


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (KeyboardInterrupt(), "stopped", "KeyboardInterrupt"),
        (SystemExit(143), "stopped", "143"),
        (stopped_by(15), "stopped", "told to stop"),
        (StoppedError("told to stop"), "stopped", "told to stop"),
        (ZeroDivisionError("by nought"), "failed", "by nought"),
    ],
)
def test_a_stage_that_is_interrupted_is_archived(
    tmp_path: Path, error: BaseException, status: str, message: str
) -> None:
    """Its record and as much of its notebook as there is are kept."""
    with pytest.raises(type(error)):
        record_stage(tmp_path, error=error)
    kept = read_record(tmp_path, "adds")

    assert kept is not None
    assert (kept["status"], kept["results"], kept["error"]) == (status, None, message)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("adds.html", "adds.ipynb", "adds.json"),
    ]


def test_the_archived_notebook_replaces_the_executed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The review page is built from it, so it must not hold secrets."""
    monkeypatch.setenv("TOY_SECRET", "Takes two numbers")
    this = record_stage(tmp_path)

    assert MASK in this.notebook.cells[0].source
    assert ipynb.dumps(this.notebook) == (tmp_path / "adds.ipynb").read_text()


def test_a_stage_without_results_did_not_succeed(tmp_path: Path) -> None:
    """Its block ended without an error, and without `succeed`."""
    record_stage(tmp_path)
    kept = read_record(tmp_path, "adds")

    assert kept is not None
    assert kept["status"] == "failed"
    assert read_results(tmp_path, "adds") is None


def test_files_of_an_earlier_run_are_removed_first(tmp_path: Path) -> None:
    """They could be mistaken for those of this run."""
    for suffix in ("ipynb", "html", "json"):
        (tmp_path / f"adds.{suffix}").write_text("old")
    source = TOYS / "adds.ipynb"
    about = {"model": "toy", "stage": "adds", "run_id": "r1", "parameters": {}}
    with recording(tmp_path, source=source, **about) as one:
        assert isinstance(one, Recording)
        assert list(tmp_path.iterdir()) == []

    assert [path.name for path in tmp_path.iterdir()] == ["adds.json"]


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """The old one stays if the new one cannot be written."""
    path = tmp_path / "a.json"
    write_whole(path, "old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(FileError) as caught:
            write_whole(path, "new " * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert str(caught.value) == (
        f"{path}: cannot be written, File too large; raise the limit for the size of a "
        "file, `ulimit -f`, and run the same command again"
    )
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_half_a_character_is_written_as_json_does(tmp_path: Path) -> None:
    """A cell can display one, which is no text that a file can hold."""
    write_whole(tmp_path / "a.json", '{"a": "\ud800"}')

    assert (tmp_path / "a.json").read_text() == '{"a": "\\ud800"}'


def test_artifacts_can_be_read_by_other_users(tmp_path: Path) -> None:
    """CircleCI's upload may run as another one."""
    archive(tmp_path / "build", None, {**RECORD, "status": "failed"}, Scrubber())

    assert (tmp_path / "build/prepare.json").stat().st_mode & 0o777 == 0o644


def test_json_is_written_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A git branch or the subject of a commit may hold one."""
    monkeypatch.setenv("TOY_TOKEN", SECRET)
    write_json(tmp_path / "source.json", {"branch": f"use-{SECRET}"})

    assert json.loads((tmp_path / "source.json").read_text()) == {
        "branch": f"use-{MASK}"
    }


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The message has the reason and the remedy."""
    path = tmp_path / "gone" / "deploy.html"

    with pytest.raises(FileError) as caught:
        write_whole(path, "")

    assert str(caught.value) == (
        f"{path}: its folder is gone; put it back, and run the same command again"
    )
    with pytest.raises(OSError, match=r"deploy\.html") as missing:
        (tmp_path / "deploy.html").read_text()
    said = str(FileError.of(missing.value, path))
    assert said.startswith(f"{tmp_path / 'deploy.html'}: is not there; put it back")


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk with room for the few lines of a record, but not for a page."""

    def no_room(*_: object, **__: object) -> None:
        raise FileError("no room")

    monkeypatch.setattr(notebook_page, "render", no_room)


def test_a_notebook_that_cannot_be_archived_makes_the_stage_fail(
    tmp_path: Path, full_disk: None
) -> None:
    """The record has the reason."""
    executed = ipynb.read(
        toys.write(tmp_path / "executed.ipynb", *toys.takes("x: int = 1"))
    )
    succeeded = RECORD | {"status": "succeeded", "results": {"x": 1}}

    with pytest.raises(FileError):
        archive(tmp_path, executed, succeeded, Scrubber())

    kept = read_record(tmp_path, "prepare")
    assert kept is not None
    assert (kept["status"], kept["results"], kept["error"]) == (
        "failed",
        None,
        "no room",
    )


def test_a_notebook_that_cannot_be_archived_is_not_kept_with_its_secrets(
    tmp_path: Path, full_disk: None
) -> None:
    """The review page would show them."""
    about = {"model": "toy", "stage": "adds", "run_id": "r1", "parameters": {}}
    this = recording(tmp_path, source=TOYS / "adds.ipynb", **about)
    one = this.__enter__()
    one.notebook = ipynb.read(TOYS / "adds.ipynb")

    with pytest.raises(FileError):
        this.__exit__(None, None, None)

    assert one.notebook is None


def test_a_notebook_that_cannot_be_shown_fails_its_stage(tmp_path: Path) -> None:
    """The error is one line, and the record and the notebook are kept."""
    notebook = ipynb.read(TOYS / "adds.ipynb")
    error = {"output_type": "error", "ename": "A", "evalue": "", "traceback": 5}
    notebook.cells[1].outputs = [ipynb.from_dict(error)]
    record = {**RECORD, "stage": "adds", "status": "succeeded", "results": {}}
    record |= {"started": "2026-01-01T00:00:00", "seconds": 1.0}

    with pytest.raises(FileError, match=r"adds\.html: the notebook cannot be shown, "):
        archive(tmp_path, notebook, record, Scrubber())

    kept = read_record(tmp_path, "adds")
    assert kept is not None
    assert (kept["status"], kept["results"]) == ("failed", None)
    assert len(kept["error"].splitlines()) == 1
    assert (tmp_path / "adds.ipynb").is_file()


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"status": "great"},
        {"status": "succeeded", "results": 5},
        {"status": "succeeded", "parameters": []},
        {"status": "succeeded", "stage": "deploy"},
        {"status": "succeeded", "run_id": 5},
        {"status": "succeeded", "seconds": "long"},
    ],
)
def test_what_is_no_record_is_told_from_one(value: Any) -> None:
    """Another role may have written it."""
    good = {"status": "succeeded", "stage": "prepare", "results": {}, "seconds": 1.5}

    assert as_record(value, "prepare") is None
    assert as_record(good, "prepare") == good


def test_what_is_late_is_left_out_but_what_was_returned_is_kept(tmp_path: Path) -> None:
    """The time limit of a stage, and a signal, end archiving too."""
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": "a long text"},
        {"output_type": "display_data", "metadata": {}, "data": {"text/html": "<p>"}},
        {
            "output_type": "execute_result",
            "metadata": {},
            "execution_count": 1,
            "data": {"application/json": {"a": 1}, "text/plain": "long"},
        },
    ]
    cell = toys.code("show()", outputs=outputs, execution_count=1)
    executed = ipynb.read(toys.write(tmp_path / "executed.ipynb", cell))
    record = RECORD | {"status": "succeeded", "results": {"a": 1}}
    record |= {"started": "2026-01-01T00:00:00", "seconds": 1.0, "parameters": {}}

    notebook = archive(tmp_path, executed, record, Scrubber(), is_late=lambda: True)

    note = {"text/plain": "[left out: the time was up before it was archived]"}
    shown = [one["data"] for one in notebook.cells[0].outputs]
    assert shown == [note, note, {"application/json": {"a": 1}, **note}]
    assert "the time was up" in (tmp_path / "prepare.html").read_text()
    assert read_results(tmp_path, "prepare") == {"a": 1}


@pytest.mark.parametrize(
    ("link", "leads", "in_ci"),
    [
        ("prepare.ipynb#Rows", "prepare.html#Rows", "prepare.html#Rows"),
        ("../data/a%20b.csv", "../../data/a%20b.csv", "blob/abcdef1/data/a%20b.csv"),
        ("notes.md", "../../notebooks/notes.md", "blob/abcdef1/notebooks/notes.md"),
        ("../../other/x.csv", "", ""),
        ("/etc/passwd", "", ""),
        ("file:///etc/passwd", "", ""),
        ("javascript:alert(1)", "", ""),
    ],
)
def test_relative_links_lead_to_the_repository(
    link: str, leads: str, in_ci: str
) -> None:
    """To another stage's page, to the clone, or in CircleCI to GitHub."""
    folder = PurePosixPath("notebooks")
    ci = {"ci_url": "https://circleci.com/gh/org/repo/7", "commit": "abcdef1"}
    there = linked(link, folder, ci)

    assert linked(link, folder, {}) == leads
    assert there.endswith(in_ci) and bool(there) == bool(in_ci)
    assert "blob" not in in_ci or there.startswith("https://github.com/org/repo/")


def test_a_page_says_what_the_record_of_its_run_says(tmp_path: Path) -> None:
    """Model and stage are its title; a record of another tool may lack the rest."""
    source = ipynb.read(toys.write(tmp_path / "a.ipynb", toys.code("a = 1")))
    record = RECORD | {"run_id": "r1", "started": "2026-11-23T05:36:33+00:00"}
    record |= {"seconds": 12.34, "results": {"rows": 7}, "status": "succeeded"}
    for one in (record, {"stage": "prepare"}):
        archive(tmp_path, source, one, Scrubber())
        page = BeautifulSoup(
            (tmp_path / "prepare.html").read_text(), features="html.parser"
        )
        header = page.header.get_text(" ", strip=True)
        if one is record:
            assert page.title.text == "toy · prepare"
            assert "run r1 2026-11-23 05:36:33 UTC 12.3 s toy.ipynb" in header
            assert "Results rows 7" in header
