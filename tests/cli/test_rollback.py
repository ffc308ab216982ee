"""`runner rollback`."""

import json
import shutil
from collections.abc import Iterator

import pytest
from embedded_aws.process import EmbeddedAWS

from lifecycle.aws import run_uri
from lifecycle.deploy import deploy
from lifecycle.endpoint import read_state
from lifecycle.s3 import read_json
from packages import ENDPOINT, delete_endpoint, make_package

MODEL = "toy"


@pytest.fixture(autouse=True)
def two_versions(aws: EmbeddedAWS, repo, monkeypatch) -> Iterator[None]:
    """The toy's endpoint serves the second of its versions."""
    monkeypatch.chdir(repo)
    for _ in range(2):
        package = make_package(MODEL)
        deploy(package, endpoint=ENDPOINT, wait_seconds=60, on_progress=str)
    yield
    delete_endpoint(MODEL)


def test_the_former_version_comes_back_and_leaves_a_record(invoke, repo):
    """CircleCI's job reads the version from build/, and S3 keeps it."""
    former = read_state(MODEL).version - 1

    answer = invoke("rollback", MODEL, "--json")

    assert answer.exit_code == 0, answer.output
    kept = json.loads((repo / "build" / MODEL / "rollback.json").read_text())
    assert kept == json.loads(answer.stdout)
    assert (kept["status"], kept["version"]) == ("succeeded", former)
    assert kept["from_version"] == former + 1
    uri = run_uri(MODEL, kept["run_id"], "evidence", "rollback.json")
    assert read_json(uri) == kept


def test_people_read_a_line(invoke):
    """Of what is live, and what was."""
    now = read_state(MODEL).version

    answer = invoke("rollback", MODEL, "--to", str(now - 1))

    expected = f"{MODEL}: version {now - 1} is live, instead of version {now}"
    assert answer.stdout.splitlines()[-1] == expected


def test_a_failure_leaves_a_record_too(invoke, repo):
    """And is said in one line."""
    answer = invoke("rollback", MODEL, "--to", "9999")

    assert answer.exit_code == 1
    assert "no version 9999" in answer.output
    kept = json.loads((repo / "build" / MODEL / "rollback.json").read_text())
    assert kept["status"] == "failed"
    assert "no version 9999" in kept["error"]


def test_what_is_live_is_not_said_to_replace_itself(invoke):
    """Going back to it is no change."""
    now = read_state(MODEL).version

    answer = invoke("rollback", MODEL, "--to", str(now))

    expected = f"{MODEL}: version {now} is live, as it was before"
    assert answer.stdout.splitlines()[-1] == expected


@pytest.mark.parametrize("trouble", ["broken", "gone"])
def test_no_model_yaml_is_needed(invoke, repo, trouble):
    """Whoever is on call may have a checkout in which it is the trouble."""
    now, path = read_state(MODEL).version, repo / "models" / MODEL / "model.yaml"
    if trouble == "broken":
        path.write_text("name: [")
    else:
        shutil.rmtree(path.parent)

    answer = invoke("rollback", MODEL)

    assert answer.exit_code == 0, answer.output
    assert read_state(MODEL).version == now - 1


def test_a_misspelt_name_is_noticed(invoke, repo):
    """And leaves nothing behind."""
    answer = invoke("rollback", "toi")

    assert answer.exit_code == 1
    assert "toi: nothing is live" in answer.stderr
    assert "did you mean 'toy'?" in answer.stderr
    assert not (repo / "build" / "toi").exists()
