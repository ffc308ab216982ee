"""The verbs with which data and models begin, and the one that checks them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import click
import pytest
from click.testing import Result
from embedded_aws import EmbeddedAWS

from lifecycle.data import read_table
from lifecycle.errors import StorageError
from runner.cli.new import new_command
from runner.spec.schema import Task

CSV = "size,shape,price\n" + "".join(
    f"{n % 17},{'round' if n % 3 else 'square'},{2 * (n % 17) + n % 3 + n % 5 / 10}\n"
    for n in range(90)
)


@pytest.fixture
def here(repo: Path, aws: EmbeddedAWS, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The toy repository as the current folder, with a table in it."""
    monkeypatch.chdir(repo)
    (repo / "prices.csv").write_text(CSV)
    return repo


def test_a_table_becomes_a_model(invoke: Callable[..., Result], here: Path) -> None:
    """Its files are written, its data is uploaded, and what was decided is said."""
    answer = invoke("new", "houses", "--data", "prices.csv", "--label", "price")

    lines = answer.stdout.splitlines()
    assert answer.exit_code == 0, answer.output
    assert lines[0].startswith("price: regression, it has numbers from 0 to ")
    assert lines[1].startswith("gate on rmse: On the test rows predicting the mean has")
    assert lines[2].endswith("/houses/raw/prices.csv: uploaded")
    assert lines[3:] == [
        "wrote models/houses/model.yaml",
        "wrote models/houses/prepare.ipynb",
        "wrote models/houses/README.md",
        "next: runner run houses",
    ]
    assert len(read_table("prices.csv", ["price"], model="houses")) == 90


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["new", "a"], "new a: say which table, as --data a.csv --label COLUMN; or"),
        (["new", "a", "--data", "x.csv", "--blank"], "new a: say which table"),
        (["new", "a", "--data", "x.csv"], "x.csv: no such file; give a CSV or Parquet"),
        (
            ["new", "toy", "--blank"],
            "models/toy: is there already; choose another name",
        ),
        (["new", "A", "--blank"], "models/'A': not a model name"),
        (
            ["upload", "tyo", "prices.csv"],
            "models/tyo: no such model; did you mean 'toy'",
        ),
        (["upload", "toy", "empty.csv"], "empty.csv: is empty; restore the file"),
        (["upload", "toy", "header.csv"], "header.csv: has one line and no rows"),
        (["upload", "toy", "page.csv"], "page.csv: is no CSV but HTML or XML"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    invoke: Callable[..., Result], here: Path, arguments: list[str], said: str
) -> None:
    """With the remedy, and nothing is written."""
    (here / "empty.csv").write_text("")
    (here / "header.csv").write_text("a,b\n")
    (here / "page.csv").write_text("<html>")

    answer = invoke(*arguments)

    assert answer.exit_code in (1, 2)
    assert said in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    assert [one.name for one in (here / "models").iterdir()] == ["toy"]


def test_an_upload_is_done_once(invoke: Callable[..., Result], here: Path) -> None:
    """Equal content is not sent again; other content is."""
    first, again = (invoke("upload", "toy", "prices.csv").stdout for _ in range(2))
    (here / "prices.csv").write_text(CSV + "1,round,3\n")
    third = invoke("upload", "toy", "prices.csv").stdout

    assert "/toy/raw/prices.csv: uploaded\n" in first
    assert "prices.csv: already there, with the same content\n" in again
    assert "uploaded\n" in third
    assert "to read this instead, write data: prices.csv" in first


def test_a_folder_is_one_table(invoke: Callable[..., Result], here: Path) -> None:
    """All of its files are uploaded, and read as one."""
    (here / "months").mkdir()
    for name in ("jan.csv", "feb.csv", "_SUCCESS"):
        (here / "months" / name).write_text(CSV if "." in name else "")

    answer = invoke("upload", "toy", "months")

    assert answer.exit_code == 0, answer.output
    assert len(read_table("months/", model="toy")) == 180
    assert len(read_table("months", model="toy")) == 180


def test_missing_data_is_said_with_what_there_is(
    invoke: Callable[..., Result], here: Path
) -> None:
    """Which object was looked for, what is there, and the line that puts it there."""
    invoke("upload", "toy", "prices.csv")

    with pytest.raises(StorageError) as raised:
        read_table("price.csv", model="toy")

    text = str(raised.value)
    assert "/toy/raw/price.csv: not there; s3://" in text
    assert "/toy/raw/ holds prices.csv" in text
    assert text.endswith("; put it there: runner upload toy FILE")


def test_check_fails_on_problems_and_not_on_hints(
    invoke: Callable[..., Result], here: Path
) -> None:
    """Each is a line for people, and an object for programs."""
    wrong = invoke("check")
    spec = here / "models/toy/model.yaml"
    spec.write_text(spec.read_text() + "label: y\n")
    (here / "models/toy/README.md").write_text("# Model card\n")
    fine = invoke("check", "toy")

    assert wrong.exit_code == 1
    assert "models/toy/model.yaml: label: missing; give the name" in wrong.stdout
    assert fine.exit_code == 0
    assert "1 model checked: no problems, " in fine.stdout
    assert "hint: models/toy/prepare.ipynb: cell 1: say below" in fine.stdout
    found = json.loads(invoke("check", "--json").stdout)
    assert set(found[0]) == {"file", "cell", "message", "is_hint"}


def test_a_copy_has_the_environment_of_what_it_was_copied_from(
    invoke: Callable[..., Result], here: Path
) -> None:
    """What is asked for and its lock, which is of the copy from now on."""
    folder = here / "models" / "toy"
    (folder / "requirements.in").write_text("six\n")
    lock = "six==1.0\n    # via -r models/{}/requirements.in\n"
    (folder / "requirements.txt").write_text(lock.format("toy"))

    assert invoke("new", "wine", "--like", "toy").exit_code == 0
    copy = here / "models" / "wine"
    assert (copy / "requirements.in").read_text() == "six\n"
    assert (copy / "requirements.txt").read_text() == lock.format("wine")


def test_a_broken_model_hides_no_other(
    invoke: Callable[..., Result], here: Path
) -> None:
    """The list shows both, and says what is wrong with one."""
    invoke("new", "wine", "--like", "toy")
    (here / "models/toy/model.yaml").write_text("name: [")

    listed = invoke("list")

    assert listed.exit_code == 2
    assert "wine" in listed.stdout
    assert "error: models/toy/model.yaml:2: not YAML" in listed.stderr


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--blank", "--time", "day"], "--time"),
        (["--blank", "--separator", ";", "--text", "zip"], "--separator, --text"),
        (["--like", "toy", "--label", "y", "--task", "binary"], "--label, --task"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(
    invoke: Callable[..., Result], here: Path, options: list[str], named: str
) -> None:
    """Those of a table need one."""
    answer = invoke("new", "wine", *options)

    assert answer.exit_code == 2
    assert f"new wine: {named}: only with --data FILE" in answer.stderr
    assert not (here / "models" / "wine").exists()


def test_the_tasks_of_the_option_are_those_of_the_spec() -> None:
    """The command line does not import the spec before it is called."""
    (option,) = (one for one in new_command.params if one.name == "task")

    assert isinstance(option.type, click.Choice)
    assert tuple(option.type.choices) == get_args(Task)
