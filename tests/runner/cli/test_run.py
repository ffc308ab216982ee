"""The verbs that work with models: `list`, `show`, `new` and `run`."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import tiny
import toys
from click.testing import CliRunner, Result
from embedded_aws import EmbeddedAWS
from model_packages import delete_endpoint, new_name
from repository import Repository

from lifecycle import TRAINING_STAGES
from lifecycle.aws import client
from lifecycle.endpoint import read_state
from lifecycle.errors import CallError
from runner.cli import runner
from runner.cli.output import print_table
from runner.cli.run import RUN_HEADER, _is_unchanged, result_as_json, result_row
from runner.errors import CellError
from runner.pipeline.model_run import RunResult
from runner.pipeline.plan import make_plan
from runner.spec import content as contents

pytestmark = pytest.mark.usefixtures("warm")
RESULTS = {
    "metrics": {"auc": 0.92451, "f1": 0.83421, "accuracy": 0.95869},
    "version": 3,
    "predictions": [{"truth": 0, "prediction": 0.024881}],
}


@pytest.fixture
def verb(
    invoke: Callable[..., Result], repo: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """Call a verb in the toy repository."""
    monkeypatch.chdir(repo)
    return invoke


def test_programs_get_each_model_with_its_own_notebooks(
    verb: Callable[..., Result],
) -> None:
    """Name, task, owner, description, and the stages that it writes itself."""
    (found,) = json.loads(verb("list", "--json").stdout)

    assert (found["name"], found["task"], found["own"]) == (
        "toy",
        "regression",
        ["prepare"],
    )


def test_the_notebook_of_a_task_is_not_a_models_own(
    verb: Callable[..., Result], repo: Path
) -> None:
    """Even if the model is called as the task is."""
    (repo / "notebooks" / "regression").mkdir()
    shutil.move(repo / "notebooks" / "deploy.ipynb", repo / "notebooks" / "regression")
    verb("new", "regression", "--like", "toy")

    found = json.loads(verb("list", "--json").stdout)

    assert {one["name"]: one["own"] for one in found} == {
        "regression": ["prepare"],
        "toy": ["prepare"],
    }


def test_people_get_a_table_of_models(verb: Callable[..., Result]) -> None:
    """One line each."""
    assert "toy     regression" in verb("list").stdout


def test_a_folder_that_cannot_be_a_model_is_named(
    verb: Callable[..., Result], repo: Path
) -> None:
    """The error says which names are good."""
    (repo / "models" / "Bad Name").mkdir()

    answer = verb("list")

    assert answer.exit_code == 2
    assert "models/'Bad Name'" in answer.stderr
    assert "lower-case" in answer.stderr


def test_programs_get_a_model_as_a_run_resolves_it(
    verb: Callable[..., Result], repo: Path
) -> None:
    """Its spec, its notebooks, their parameters, and its fingerprint."""
    shown = json.loads(verb("show", "toy", "--json").stdout)

    assert shown["spec"]["training"]["instance_type"] == "ml.m5.large"
    assert shown["notebooks"]["prepare"] == "models/toy/prepare.ipynb"
    assert shown["notebooks"]["deploy"] == "notebooks/deploy.ipynb"
    assert shown["parameters"]["deploy"]["version"] == {
        "type": "int",
        "default": 0,
        "required": False,
        "help": "its version",
    }
    assert shown["fingerprint"] == contents.content(repo, "toy").fingerprint


def test_show_finds_the_notebook_of_the_task(
    verb: Callable[..., Result], repo: Path
) -> None:
    """It comes before the one of all tasks."""
    (repo / "notebooks" / "regression").mkdir()
    shutil.copy(repo / "notebooks" / "deploy.ipynb", repo / "notebooks" / "regression")

    shown = json.loads(verb("show", "toy", "--json").stdout)

    assert shown["notebooks"]["deploy"] == "notebooks/regression/deploy.ipynb"


def test_people_get_keys_as_the_option_p_takes_them(
    verb: Callable[..., Result],
) -> None:
    """Nested keys are joined by dots."""
    text = verb("show", "toy").stdout

    assert "training.hyperparameters.num_round" in text
    assert "deploy · notebooks/deploy.ipynb" in text


def test_people_get_whole_values_but_short_hashes(
    verb: Callable[..., Result], repo: Path
) -> None:
    """A version, without the platform that it is for, and the target of a link."""
    pin = "numpy==2.4.6 ; python_full_version < '3.99'\n"
    (repo / "requirements.txt").write_text(pin)
    target = "a-folder-that-is-not-there/rows.csv"
    (repo / "models" / "toy" / "rows.csv").symlink_to(target)
    toys.write(
        repo / "models" / "toy" / "prepare.ipynb",
        toys.code("model: str = ''", "parameters"),
        toys.code("import numpy"),
        toys.code("JSON({})", "results"),
    )

    lines = verb("show", "toy").stdout.splitlines()

    assert [line.split()[2] for line in lines if " numpy " in line] == ["2.4.6"]
    assert any(f"link to {target}" in line for line in lines)
    rows = [line for line in lines if line.startswith(("  notebook ", "  module "))]
    assert rows
    assert [row for row in rows if re.search("[0-9a-f]{13}", row)] == []


def test_a_notebook_without_a_results_cell_is_named(
    verb: Callable[..., Result], repo: Path
) -> None:
    """The error names the notebook and the tag that is missing."""
    path = repo / "models" / "toy" / "prepare.ipynb"
    toys.write(path, toys.code("rows: int = 3  # of them", "parameters"))

    answer = verb("show", "toy")

    assert answer.exit_code == 2
    assert "models/toy/prepare.ipynb" in answer.stderr
    assert "'results'" in answer.stderr


def test_new_names_the_files_and_the_next_command(
    verb: Callable[..., Result], repo: Path
) -> None:
    """The copy is a model at once."""
    answer = verb("new", "wine", "--like", "toy")

    assert answer.stdout.splitlines() == [
        "wrote models/wine/model.yaml",
        "wrote models/wine/prepare.ipynb",
        "wrote models/wine/README.md",
        "edit them, and try: runner run wine",
    ]
    assert verb("show", "wine").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["toy", "-p", "lerning_rate=1"], "hyperparameters.learning_rate"),
        (["toy", "-p", "rows"], "write NAME=VALUE"),
        (["toy", "-p", "rows=many"], "rows: 'many'; give a whole number"),
        (["toi"], "did you mean 'toy'?"),
        (["Bad Name"], "not a model name"),
        ([], "say --all"),
        (["toy", "--all"], "say --all"),
        (["toy", "--stage", "prepair"], "'prepare'"),
    ],
)
def test_a_wrong_call_starts_nothing(
    verb: Callable[..., Result], repo: Path, arguments: list[str], message: str
) -> None:
    """It ends with exit code 2 and the remedy."""
    answer = verb("run", "--cold", *arguments)

    assert answer.exit_code == 2
    assert message in answer.stderr
    assert not (repo / "build").exists()


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("task:", "taks:", "models/toy/model.yaml: taks: unknown key"),
        ("task:", "task", "models/toy/model.yaml:3: not YAML"),
        ("name: toy", "name: tow", "must be the folder's, 'toy'"),
    ],
)
def test_a_wrong_model_yaml_starts_nothing(
    verb: Callable[..., Result], repo: Path, before: str, after: str, message: str
) -> None:
    """It ends with exit code 2 and one line: the file, the key and the remedy."""
    path = repo / "models" / "toy" / "model.yaml"
    path.write_text(path.read_text().replace(before, after))

    answer = verb("run", "--cold", "toy")

    assert answer.exit_code == 2
    assert message in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    assert not (repo / "build").exists()


@pytest.fixture(scope="module")
def released(
    tmp_path_factory: pytest.TempPathFactory,
    at_aws: Callable[[], AbstractContextManager[None]],
    warm: None,
) -> Iterator[tuple[str, Result, int]]:
    """A tiny model, what `runner run` of all its stages printed, and what was live."""
    name = new_name()
    repository = Repository(tmp_path_factory.mktemp("run") / "clone")
    tiny.write_shared(repository.root)
    tiny.write_model(repository.root, name)
    repository.commit()
    with at_aws(), pytest.MonkeyPatch.context() as patch:
        patch.chdir(repository.root)
        answer = CliRunner().invoke(runner, ["run", name])
        now = read_state(name)
        yield name, answer, now.version if now else 0
        delete_endpoint(name)


def test_a_run_on_this_machine_goes_all_the_way(
    released: tuple[str, Result, int],
) -> None:
    """It approves what it has registered, and deploys it."""
    name, answer, live = released

    assert answer.exit_code == 0, answer.output
    assert f"{name} approved version 1, implied by a local run" in answer.stdout
    assert live == 1


def test_a_run_prints_its_progress_a_table_and_the_page(
    released: tuple[str, Result, int],
) -> None:
    """In a log there is a line for each stage."""
    name, answer, _ = released
    lines = answer.stdout.splitlines()
    (row,) = (line.split() for line in lines if line.strip().startswith(f"{name}  "))

    assert [line.split(" in ")[0] for line in lines[:2]] == [
        f"{name} prepare succeeded",
        f"{name} train-register succeeded",
    ]
    assert row[:5] == [name, "succeeded", "rmse", "0.1", "1"]
    assert lines[-1] == f"open build/{name}/index.html"


def test_the_next_command_of_status_leads_to_what_it_says(
    released: tuple[str, Result, int], aws: EmbeddedAWS
) -> None:
    """From a live version that was rejected to a new one, trained and approved."""
    name, *_ = released

    def status() -> dict[str, Any]:
        answer = CliRunner().invoke(runner, ["status", name, "--json"])
        (row,) = json.loads(answer.stdout)
        return row

    def go_on() -> str:
        """Run the first command that status names, and say what it led to."""
        _, _, _, *command = status()["next"][0].split()
        answer = CliRunner().invoke(runner, command)
        assert answer.exit_code == 0, answer.output
        return status()["why"]

    client("sagemaker").update_model_package(
        ModelPackageArn=read_state(name).package, ModelApprovalStatus="Rejected"
    )
    found = "version 1 is live, and is Rejected"
    assert go_on() == f"{found}; version 2 waits for approval"
    assert go_on() == f"{found}: deploy version 2, which is approved"
    assert go_on() == ""
    assert read_state(name).version == 2


def test_a_record_that_cannot_be_read_is_of_no_earlier_run(repo: Path) -> None:
    """Whether it was changed, or the disk does not give it."""
    plan = make_plan(repo, "toy", ["prepare"], {})
    record = plan.folder / "prepare.json"
    record.parent.mkdir(parents=True)
    known = {"stage": "prepare", "status": "succeeded"}

    record.write_text(json.dumps(known | {"fingerprint": plan.fingerprint}))
    assert _is_unchanged(plan)
    record.write_text(json.dumps(known | {"fingerprint": 7}))
    assert not _is_unchanged(plan)
    record.unlink()
    record.symlink_to("/proc/self/mem")
    with pytest.raises(OSError, match="Input/output error"):
        record.read_bytes()
    assert not _is_unchanged(plan)


def test_on_aws_a_run_stops_before_the_approval(
    invoke: Callable[..., Result],
    repo: Path,
    model: str,
    aws: EmbeddedAWS,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A person approves there; programs get the results alone."""
    monkeypatch.chdir(repo)

    answer = invoke("run", model, "--target", "aws", "--json")

    (found,) = json.loads(answer.stdout)
    assert answer.exit_code == 0, answer.output
    assert (found["model"], found["status"], found["error"]) == (
        model,
        "succeeded",
        None,
    )
    assert list(found["seconds"]) == list(TRAINING_STAGES)
    assert found["results"]["approval_status"] == "PendingManualApproval"
    assert not (repo / "build" / model / "deploy.json").exists()


def test_a_model_that_fails_fails_the_call(
    invoke: Callable[..., Result],
    repo: Path,
    model: str,
    aws: EmbeddedAWS,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With exit code 1, after all models have run; one page links to all."""
    monkeypatch.chdir(repo)
    invoke("new", "wine", "--like", model)
    invoke("new", "broken", "--like", model)
    (repo / "models" / "broken" / "model.yaml").write_text("name: [")
    path = repo / "models" / model / "prepare.ipynb"
    path.write_text(path.read_text().replace("prefix = f", "1 / 0; prefix = f"))

    answer = invoke("run", "--all", "--stage", "prepare", "--jobs", "2")

    assert answer.exit_code == 1
    assert "ZeroDivisionError" in answer.stdout
    cells = [line.split() for line in answer.stdout.splitlines() if line[:2] == "  "]
    assert {row[0]: row[1] for row in cells if len(row) > 1}.items() >= {
        (model, "failed"),
        ("wine", "succeeded"),
        ("broken", "failed"),
    }
    assert "error: models/broken/model.yaml:2: not YAML" in answer.stderr
    assert answer.stdout.endswith("open build/index.html\n")


def test_training_without_prepared_rows_is_a_wrong_call(
    invoke: Callable[..., Result],
    repo: Path,
    model: str,
    aws: EmbeddedAWS,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Found out only in AWS, but with the exit code of one."""
    monkeypatch.chdir(repo)

    answer = invoke("run", model, "--stage", "train-register", "--cold")

    assert answer.exit_code == 2
    assert "add `--stage prepare`" in answer.stdout


def test_nothing_to_resume_is_a_wrong_call(
    invoke: Callable[..., Result],
    repo: Path,
    model: str,
    aws: EmbeddedAWS,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error says to leave out the option."""
    monkeypatch.chdir(repo)

    answer = invoke("run", model, "--resume", "--cold")

    assert answer.exit_code == 2
    assert "no run of this content to resume" in answer.stdout
    assert "leave out --resume" in answer.stdout


def test_the_table_has_the_metrics_that_have_a_gate(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The page has all of them; the table fits into 100 columns."""
    result = RunResult(
        model="churn",
        results=RESULTS,
        seconds={"prepare": 1.6, "deploy": 3.0},
        gated=("auc", "accuracy"),
    )

    row = result_row(result)

    print_table("", RUN_HEADER, [row])
    lines = capsys.readouterr().out.splitlines()
    assert row == [
        "churn",
        "succeeded",
        "auc 0.9245  accuracy 0.9587",
        "3",
        "0.02488 / 0",
        "5 s",
    ]
    assert max(len(line.rstrip()) for line in lines) <= 100


def test_a_failure_has_a_row_without_metrics() -> None:
    """Its error is printed above the table."""
    result = RunResult(model="toy", results={}, seconds={}, error=CellError("no"))

    assert result_row(result) == ["toy", "failed", "", "", "", "0 s"]


def test_a_result_is_plain_json() -> None:
    """Seconds to the millisecond, and the error as text."""
    failed = RunResult(
        model="toy", results={}, seconds={"prepare": 1.23456}, error=CallError("no")
    )

    assert result_as_json(failed) == {
        "model": "toy",
        "status": "failed",
        "error": "no",
        "results": {},
        "seconds": {"prepare": 1.235},
    }
    assert result_as_json(RunResult(model="toy", results=RESULTS, seconds={})) == {
        "model": "toy",
        "status": "succeeded",
        "error": None,
        "results": RESULTS,
        "seconds": {},
    }
