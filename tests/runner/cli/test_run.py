"""`runner run` on the toy model, whose notebooks return without AWS's help."""

import json

import pytest


@pytest.fixture
def run(invoke, repo, aws, monkeypatch):
    """Call `run` in the toy repository, against the embedded AWS."""
    monkeypatch.chdir(repo)
    return lambda *arguments: invoke("run", *arguments)


def test_stages_leave_notebook_html_and_json(run, repo):
    """Two stages in a row; the second gets what the first returned."""
    answer = run("toy", "--stage", "prepare", "--stage", "train-register")

    built = repo / "build" / "toy"
    kept = {f"{s}.{e}" for s in ("prepare", "train-register") for e in _KINDS}
    record = json.loads((built / "train-register.json").read_text())
    assert answer.exit_code == 0, answer.output
    review = {"index.html", "source.json", "baseline.json"}
    assert {path.name for path in built.iterdir()} == kept | review
    assert record["parameters"]["train"].endswith("/train/train.csv")
    assert "open build/toy/index.html" in answer.stdout


_KINDS = ("ipynb", "html", "json")


def test_evidence_is_in_s3_and_a_later_stage_finds_it(run, aws):
    """`--stage train-register` alone uses the newest prepared data of this content."""
    from lifecycle.aws import run_uri
    from lifecycle.s3 import exists

    prepared = json.loads(run("toy", "--stage", "prepare", "--json").stdout)[0]
    trained = run("toy", "--stage", "train-register", "--json")

    run_id = prepared["results"]["train"].split("/")[5]
    assert exists(run_uri("toy", run_id, "evidence", "prepare.html"))
    assert trained.exit_code == 0
    assert (
        json.loads(trained.stdout)[0]["results"]["train"]
        == prepared["results"]["train"]
    )


def test_training_without_prepared_data_says_what_to_add(run, repo):
    """Data of another content is not taken; the remedy is named."""
    (repo / "models" / "toy" / "columns.txt").write_text("another content")
    _git_add(repo)

    answer = run("toy", "--stage", "train-register")

    assert answer.exit_code == 2
    assert "add `--stage prepare`" in answer.stdout


def _git_add(repo):
    import subprocess

    subprocess.run(["git", "-C", str(repo), "add", "."], check=True)


def test_a_failed_stage_ends_its_model_and_is_kept(run, repo):
    """The failing model's notebook, HTML and JSON are there; the exit code is 1."""
    _break(repo, "toy")

    answer = run("toy", "--stage", "prepare", "--stage", "train-register")

    record = json.loads((repo / "build" / "toy" / "prepare.json").read_text())
    assert answer.exit_code == 1
    assert "ZeroDivisionError" in answer.stdout
    assert record["status"] == "failed"
    assert (repo / "build" / "toy" / "prepare.html").is_file()
    assert not (repo / "build" / "toy" / "train-register.json").exists()


def test_one_failing_model_does_not_stop_the_others(run, invoke, repo):
    """Both end in the table; the exit code is the failure's."""
    invoke("new", "wine", "--like", "toy")
    _break(repo, "toy")

    answer = run("--all", "--stage", "prepare", "--jobs", "2", "--json")

    statuses = {one["model"]: one["status"] for one in json.loads(answer.stdout)}
    assert answer.exit_code == 1
    assert statuses == {"toy": "failed", "wine": "succeeded"}


def _break(repo, model):
    path = repo / "models" / model / "prepare.ipynb"
    path.write_text(path.read_text().replace("prefix = f", "1 / 0; prefix = f"))


@pytest.mark.parametrize(
    ("arguments", "says"),
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
def test_a_wrong_call_starts_nothing(run, repo, arguments, says):
    """Exit code 2, one line with the remedy, and nothing written."""
    answer = run(*arguments)

    assert answer.exit_code == 2
    assert says in answer.stderr
    assert not (repo / "build").exists()


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("task:", "taks:", "models/toy/model.yaml: taks: unknown key"),
        ("task:", "task", "models/toy/model.yaml:3: not YAML"),
        ("name: toy", "name: tow", "must be the folder's, 'toy'"),
    ],
)
def test_a_wrong_spec_starts_nothing(run, repo, before, after, says):
    """Exit code 2, with the file, the key and the remedy."""
    path = repo / "models" / "toy" / "model.yaml"
    path.write_text(path.read_text().replace(before, after))

    answer = run("toy")

    assert answer.exit_code == 2
    assert says in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    assert not (repo / "build").exists()
