"""Both models, the whole way, as a person at a laptop would run them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from embedded_aws.process import start

from runner import STAGES
from runner.spec.models import list_models

ROOT = Path(__file__).parents[1]
LIMIT = 600

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fresh_aws():
    """An embedded AWS in which nothing has happened yet."""
    with start() as embedded:
        yield embedded


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clone of this checkout as it is."""
    root = tmp_path_factory.mktemp("end-to-end") / "clone"
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, names.decode().split("\0")):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes((ROOT / name).read_bytes())
    for command in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *command], cwd=root, check=True)
    return root


@pytest.fixture(scope="module")
def runner(clone, fresh_aws):
    """Call the runner in the clone and give its JSON by model."""
    hidden = ("AWS_", "CIRCLE", "SAGEMAKER_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(hidden)}

    def call(*arguments):
        answer = subprocess.run(
            [sys.executable, "-m", "runner", *arguments, "--json"],
            cwd=clone,
            env=kept | fresh_aws.environment | {"PYTHONPATH": str(clone)},
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return {one["model"]: one for one in json.loads(answer.stdout)}

    return call


@pytest.fixture(scope="module")
def first(runner):
    """The outcome of the first run of all models."""
    return runner("run", "--all")


@pytest.fixture(scope="module")
def second(runner, first):
    """The outcome of training all models again on the same AWS."""
    return runner("run", "--all", "--no-reuse")


@pytest.fixture(scope="module")
def again(runner, second):
    """The outcome of running all models once more, nothing changed."""
    return runner("run", "--all")


@pytest.mark.parametrize("model", list_models(ROOT))
def test_every_stage_ran_and_left_its_notebook(clone, first, model):
    """All three stages of each model are in build/, as notebook, HTML and JSON."""
    names = {path.name for path in (clone / "build" / model).iterdir()}

    assert set(first[model]["seconds"]) == set(STAGES)
    assert {f"{s}.{e}" for s in STAGES for e in ("ipynb", "html", "json")} <= names


def test_the_models_are_as_good_as_promised(first):
    """The test metrics are within the README's figures."""
    abalone, churn = (first[m]["results"]["metrics"] for m in ("abalone", "churn"))

    assert abalone["rmse"] <= 2.35
    assert churn["auc"] >= 0.90
    assert churn["accuracy"] >= 0.94


def test_a_second_run_registers_version_2_and_updates_in_place(first, second):
    """The endpoint keeps its name and gets another config and package."""
    for model, outcome in second.items():
        before, now = first[model]["results"], outcome["results"]
        assert (before["version"], now["version"]) == (1, 2)
        assert now["endpoint"] == before["endpoint"] == model
        assert now["endpoint_config"] != before["endpoint_config"]
        assert now["changed"]


def test_the_same_rows_and_seed_give_the_same_model(first, second):
    """Nothing in the pipeline depends on the run."""
    for model, outcome in second.items():
        assert outcome["results"]["metrics"] == first[model]["results"]["metrics"]
        assert (
            outcome["results"]["data_sha256"] == first[model]["results"]["data_sha256"]
        )


def test_nothing_unchanged_is_trained_again(again, second):
    """The registered package and what is live are what this content needs."""
    for model, outcome in again.items():
        before, now = second[model]["results"], outcome["results"]
        assert now["training_job"] == before["training_job"]
        assert now["version"] == before["version"]
        assert not now["changed"]


def test_deploy_alone_finds_what_it_needs(runner, second):
    """The registry and S3 are enough, and what is live already stays."""
    again = runner("run", "abalone", "--stage", "deploy")["abalone"]["results"]

    assert again["version"] == 2
    assert not again["changed"]
    assert again["predictions"] == second["abalone"]["results"]["predictions"]


def test_the_evidence_is_in_s3_too(second, fresh_aws):
    """What is in build/ can be read back from the run's prefix."""
    import boto3

    train = second["churn"]["results"]["train"]
    bucket, _, key = train.removeprefix("s3://").partition("/")
    prefix = key.removesuffix("train/train.csv") + "evidence/"
    s3 = boto3.client(
        "s3",
        endpoint_url=fresh_aws.url,
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]

    names = {one["Key"].removeprefix(prefix) for one in found}
    assert {f"{stage}.html" for stage in STAGES} <= names
