"""A run is checked from end to end before anything starts."""

import re

import pytest
import toys
import yaml

from lifecycle.errors import CallError
from runner import STAGES
from runner.errors import SignatureError, SpecError
from runner.pipeline.plan import TIME_LIMIT_SECONDS, make_plan, new_run_id
from runner.spec import content as contents


def test_run_ids_sort_by_time_and_differ():
    """Also those that are made in one second."""
    ids = {new_run_id() for _ in range(100)}

    assert len(ids) == 100
    assert all(re.fullmatch(r"\d{14}-[0-9a-f]{6}", one) for one in ids)


def test_stages_run_in_their_order(repo):
    """In whichever order they are named."""
    made = make_plan(repo, "toy", ("deploy", "prepare"), {})

    assert [stage.name for stage in made.stages] == ["prepare", "deploy"]


def test_without_names_all_stages_run(repo):
    """An empty list stands for all."""
    assert [stage.name for stage in make_plan(repo, "toy", (), {}).stages] == [*STAGES]


def test_a_misspelt_stage_is_an_error(repo):
    """Nothing would run of a plan without stages."""
    with pytest.raises(CallError, match="'prepair' is not a stage; did you mean"):
        make_plan(repo, "toy", ("prepair",), {})


def test_parameters_come_from_where_they_are_known(repo):
    """From model.yaml, the lineage, results of earlier stages, or the command line."""
    made = make_plan(repo, "toy", STAGES, {"hyperparameters.num_round": "7"})
    prepared = {"train": "s3://b/k", "unasked": 1}

    values = made.parameters(made.stages[1], {"prepare": prepared})

    assert values == {
        "model": "toy",
        "run_id": made.run_id,
        "train": "s3://b/k",
        "hyperparameters": {"num_round": 7},
        "fingerprint": made.fingerprint,
    }


def test_the_parameter_run_holds_what_nobody_tunes(repo):
    """The lineage, what registration needs, and results by stage."""
    parameters = toys.takes("# Filled in by the runner.\nrun: dict = {}")
    toys.write(repo / "models" / "toy" / "train-register.ipynb", *parameters)
    made = make_plan(repo, "toy", STAGES, {})

    values = made.parameters(made.stages[1], {"prepare": {"train": "s3://b/k"}})

    assert values == {
        "run": {
            "run_id": made.run_id,
            "fingerprint": made.fingerprint,
            "commit": made.commit,
            "ci_url": "",
            "approval": "manual",
            "task": "regression",
            "label": "",
            "description": "",
            "hyperparameters": {"num_round": 5},
            "gates": {"rmse": {"max": 2.5}},
            "prepare": {"train": "s3://b/k"},
        }
    }


def test_without_overrides_the_fingerprint_is_that_of_the_checkout(repo):
    """Then the run deploys what the checkout says, too."""
    made = make_plan(repo, "toy", STAGES, {})

    assert made.fingerprint == contents.content(repo, "toy").fingerprint
    assert made.serving == contents.content(repo, "toy").serving_fingerprint


def test_another_hyperparameter_is_another_content(repo):
    """A model that was trained with -p is never taken for the checkout's."""
    overrides = {"hyperparameters.num_round": "7"}
    one, two = (make_plan(repo, "toy", STAGES, overrides) for _ in range(2))

    assert one.fingerprint != contents.content(repo, "toy").fingerprint
    assert one.fingerprint == two.fingerprint
    assert one.spec.training.hyperparameters == {"num_round": 7}
    assert one.serving == ""


def test_another_endpoint_is_the_same_content(repo):
    """It was trained alike; but what is deployed is not what the checkout says."""
    overrides = {"endpoint.instance_type": "ml.m5.xlarge"}
    made = make_plan(repo, "toy", STAGES, overrides)

    assert made.fingerprint == contents.content(repo, "toy").fingerprint
    assert made.serving == ""


def test_a_misspelt_parameter_is_refused_with_the_nearest(repo):
    """Before a kernel starts."""
    with pytest.raises(SignatureError, match=r"'hyperparameters\.learning_rate'"):
        make_plan(repo, "toy", STAGES, {"lerning_rate": "1"})


def test_a_parameter_of_another_stage_names_the_stage(repo):
    """The choice of stages is wrong, not the name."""
    with pytest.raises(SignatureError, match="add `--stage train-register`"):
        make_plan(repo, "toy", ["prepare"], {"hyperparameters.num_round": "7"})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("hyperparameters.eta", "7", "-p hyperparameters.eta: 7; give a number from 0"),
        ("hyperparameters.lerning_rate", "1", "did you mean 'learning_rate'"),
        ("endpoint.instance_type", "m5", "-p endpoint.instance_type: 'm5'; give an in"),
    ],
)
def test_an_override_is_checked_as_model_yaml_is(repo, name, value, said):
    """Before `prepare` runs."""
    with pytest.raises(SignatureError, match=re.escape(said)):
        make_plan(repo, "toy", STAGES, {name: value})


@pytest.mark.parametrize("name", ["fingerprint", "run_id", "model"])
def test_the_lineage_cannot_be_overridden(repo, name):
    """Otherwise one content could pass for another one that is approved."""
    with pytest.raises(SignatureError, match=f"-p {name}: found out by the runner"):
        make_plan(repo, "toy", STAGES, {name: "f" * 64})


def test_the_parameter_run_cannot_be_overridden(repo):
    """It holds the lineage."""
    parameters = toys.takes("# Filled in by the runner.\nrun: dict = {}")
    toys.write(repo / "models" / "toy" / "train-register.ipynb", *parameters)

    with pytest.raises(SignatureError, match="-p run"):
        make_plan(repo, "toy", STAGES, {"run": '{"fingerprint": "f"}'})


def test_a_wrong_model_yaml_is_an_error(repo):
    """It names the file and the key."""
    path = repo / "models" / "toy" / "model.yaml"
    path.write_text(path.read_text().replace("regression", "regresion"))

    with pytest.raises(SpecError, match=r"models/toy/model\.yaml: task: 'regresion'"):
        make_plan(repo, "toy", STAGES, {})


def test_a_commit_with_changes_is_marked(repo):
    """An executed notebook never claims a commit that lacks its changes."""
    clean = make_plan(repo, "toy", STAGES, {}).commit
    spec = repo / "models" / "toy" / "model.yaml"
    spec.write_text(spec.read_text() + "owner: me\n")
    dirty = make_plan(repo, "toy", STAGES, {}).commit

    assert re.fullmatch("[0-9a-f]{40}", clean)
    assert dirty == f"{clean}-dirty"


def test_in_circleci_the_lineage_comes_from_its_variables(repo, monkeypatch):
    """The commit and the address of the job."""
    monkeypatch.setenv("CIRCLE_SHA1", "c" * 40)
    monkeypatch.setenv("CIRCLE_BUILD_URL", "https://ci/1")

    made = make_plan(repo, "toy", STAGES, {})

    assert (made.commit, made.ci_url) == ("c" * 40, "https://ci/1")
    assert made.lineage["ci_url"] == "https://ci/1"


CANARY = {"percent": 50, "wait_seconds": 600, "alarms": ["toy-5xx"]}


@pytest.mark.parametrize(
    ("section", "changes", "waits"),
    [
        ("training", {"max_runtime_seconds": 7200}, (0, 7200, 0)),
        ("training", {"max_runtime_seconds": 7200, "spot": True}, (0, 14400, 0)),
        ("endpoint", {"instance_count": 2, "canary": CANARY}, (0, 3600, 600)),
    ],
    ids=["training", "spot", "canary"],
)
def test_a_notebook_has_time_for_what_it_waits_for(repo, section, changes, waits):
    """For the training job, twice if it may wait for spot capacity, or the canary."""
    path = repo / "models" / "toy" / "model.yaml"
    spec = yaml.safe_load(path.read_text())
    spec[section] |= changes
    path.write_text(yaml.safe_dump(spec))
    made = make_plan(repo, "toy", STAGES, {})

    limits = [made.time_limit(stage) for stage in made.stages]

    assert limits == [TIME_LIMIT_SECONDS + seconds for seconds in waits]
