"""What a run leaves in build/ and in S3."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import toys
from embedded_aws.process import EmbeddedAWS

from runner.errors import CellError, FileError, StoppedError
from runner.notebook import html
from runner.notebook.archive import (
    archive,
    read_record,
    read_results,
    recording,
    upload,
    write_whole,
)
from runner.notebook.execute import execute
from runner.notebook.scrub import MASK, Scrubber

NOTEBOOKS = Path(__file__).parent / "notebooks"
SECRET = "s3cr&t<\"of'the>\\toy"
RECORD = {"model": "toy", "stage": "prepare", "run_id": "r1", "notebook": "toy.ipynb"}


def given(stage: str) -> dict[str, Any]:
    notebook = NOTEBOOKS / f"{stage}.ipynb"
    parameters = {"text": f"no access with {SECRET}"} if stage == "raises" else {}
    return {"stage": stage, "notebook": notebook, "parameters": parameters}


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder in which a leaking and a failing notebook are archived."""
    folder = tmp_path_factory.mktemp("build") / "toy"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOY_TOKEN", SECRET)
        for stage in ("leaks", "raises"):
            try:
                told = given(stage)
                with recording(folder, model="toy", run_id="r1", **told) as one:
                    executed = execute(
                        told["notebook"],
                        one.output,
                        told["parameters"],
                        cwd=folder.parent,
                        time_limit=60,
                    )
                    one.succeed(executed.results)
            except CellError as error:
                (folder.parent / "error").write_text(f"{error}\n{error.path}")
        yield folder


def test_a_stage_leaves_notebook_html_and_json(build: Path) -> None:
    """And nothing else, no temporary file and no notebook that ran in private."""
    names = sorted(path.name for path in build.iterdir())

    assert names == [
        *("leaks.html", "leaks.ipynb", "leaks.json"),
        *("raises.html", "raises.ipynb", "raises.json"),
    ]


def test_the_record_says_what_ran_and_what_came_of_it(build: Path) -> None:
    """In plain JSON that a later stage and the review page read."""
    record = read_record(build, "leaks")

    assert record is not None
    assert (record["model"], record["stage"]) == ("toy", "leaks")
    assert (record["status"], record["run_id"]) == ("succeeded", "r1")
    assert record["results"] == {"secret": MASK}
    assert record["notebook"].endswith("tests/notebooks/leaks.ipynb")
    assert record["started"].endswith("+00:00")
    assert record["seconds"] > 0


def test_a_failure_is_recorded_too(build: Path) -> None:
    """With its error, and without results."""
    record = read_record(build, "raises")

    assert record is not None
    assert (record["status"], record["results"]) == ("failed", None)
    assert f"ValueError: no access with {MASK}" in record["error"]


def test_the_error_is_scrubbed_and_names_what_was_kept(build: Path) -> None:
    """It goes to the terminal, which CI keeps."""
    message, path = (build.parent / "error").read_text().splitlines()

    assert message.endswith(f"ValueError: no access with {MASK}")
    assert path == str(build / "raises.ipynb")


def test_no_secret_is_in_any_artifact(build: Path) -> None:
    """Printed, returned, displayed, raised, passed, in base64: all are masked."""
    import base64
    import html

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


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (KeyboardInterrupt(), "stopped", "KeyboardInterrupt"),
        (SystemExit(143), "stopped", "143"),
        (StoppedError("told to stop"), "stopped", "told to stop"),
        (ZeroDivisionError("by nought"), "failed", "by nought"),
    ],
)
def test_an_interrupted_stage_is_recorded(
    tmp_path: Path, error: BaseException, status: str, message: str
) -> None:
    """However it ends, its partial notebook is kept and the private one is gone."""
    with (
        pytest.raises(type(error)),
        recording(tmp_path, model="toy", run_id="r1", **given("adds")) as one,
    ):
        toys.write(one.output, *toys.takes("a: int = 1"))
        raise error
    record = read_record(tmp_path, "adds")

    assert record is not None
    assert (record["status"], record["error"]) == (status, message)
    assert (tmp_path / "adds.ipynb").exists()
    assert not one.output.exists()


def test_the_notebook_runs_where_nobody_else_reads(tmp_path: Path) -> None:
    """Until it is scrubbed, it is in a private folder outside build/."""
    with recording(tmp_path, model="toy", run_id="r1", **given("adds")) as one:
        assert tmp_path not in one.output.parents
        assert one.output.parent.stat().st_mode & 0o077 == 0
        assert one.output.is_relative_to(tempfile.gettempdir())


def test_a_stage_that_says_nothing_did_not_succeed(tmp_path: Path) -> None:
    """Success must be told."""
    with recording(tmp_path, model="toy", run_id="r1", **given("adds")):
        pass

    assert read_results(tmp_path, "adds") is None


def test_an_earlier_run_does_not_show_through(tmp_path: Path) -> None:
    """What was there goes when a stage begins: nobody may take it for the new."""
    for suffix in ("ipynb", "html", "json"):
        (tmp_path / f"adds.{suffix}").write_text("old")
    with recording(tmp_path, model="toy", run_id="r1", **given("adds")):
        assert list(tmp_path.iterdir()) == []

    assert read_record(tmp_path, "adds") is not None


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """The old one stays when the new one cannot be written."""
    path = tmp_path / "a.json"
    write_whole(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "new \ud800")

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_artifacts_can_be_read_by_others(tmp_path: Path) -> None:
    """CircleCI's upload may run as somebody else."""
    archive(
        tmp_path / "build",
        tmp_path / "missing.ipynb",
        {**RECORD, "status": "failed"},
        Scrubber(),
    )

    assert (tmp_path / "build/prepare.json").stat().st_mode & 0o777 == 0o644


def test_everything_is_copied_to_s3(aws: EmbeddedAWS, build: Path) -> None:
    """Below the run's evidence prefix, with types that a browser understands."""
    s3 = boto3.Session().client("s3")
    s3.create_bucket(Bucket="toy-evidence")
    uris = upload(build, s3, "s3://toy-evidence/toy/runs/r1/evidence/")

    assert uris[0] == "s3://toy-evidence/toy/runs/r1/evidence/leaks.html"
    assert len(uris) == 6
    key = "toy/runs/r1/evidence/leaks.html"
    stored = s3.get_object(Bucket="toy-evidence", Key=key)
    assert stored["ContentType"] == "text/html; charset=utf-8"
    assert stored["Body"].read() == (build / "leaks.html").read_bytes()


def test_only_what_has_changed_is_copied_again(aws: EmbeddedAWS, build: Path) -> None:
    """A run copies its folder after every stage."""
    s3 = boto3.Session().client("s3")
    s3.create_bucket(Bucket="toy-again")
    known: dict[Path, int] = {}
    upload(build, s3, "s3://toy-again/toy", known)
    write_whole(build / "leaks.html", "<p>again</p>")

    assert upload(build, s3, "s3://toy-again/toy", known) == [
        "s3://toy-again/toy/leaks.html"
    ]
    assert upload(build, s3, "s3://toy-again/toy", known) == []


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A full disk, or a folder that is gone, is no traceback."""
    with pytest.raises(FileError, match=r"deploy\.html: cannot be written, No such"):
        write_whole(tmp_path / "gone" / "deploy.html", "")


def test_what_could_not_be_archived_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record has room left, and says that the rest is not there."""

    def no_room(*_: object) -> None:
        raise FileError("no room")

    monkeypatch.setattr(html, "render", no_room)
    executed = toys.write(tmp_path / "executed.ipynb", *toys.takes("x: int = 1"))
    record = RECORD | {"status": "succeeded", "results": {"x": 1}}

    with pytest.raises(FileError):
        archive(tmp_path, executed, record, Scrubber())

    kept = read_record(tmp_path, "prepare")
    assert kept is not None
    assert (kept["status"], kept["results"], kept["error"]) == (
        "failed",
        None,
        "no room",
    )
