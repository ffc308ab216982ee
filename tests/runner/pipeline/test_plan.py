"""A run is checked from end to end before anything starts."""

import re

import pytest

from runner import STAGES
from runner.errors import SignatureError
from runner.pipeline.plan import make_plan, new_run_id, trained_fingerprint
from runner.spec.fingerprint import fingerprint


def test_run_ids_sort_by_time_and_never_collide():
    """Ids made in one second differ, and their shape is the one S3 prefixes have."""
    ids = {new_run_id() for _ in range(100)}

    assert len(ids) == 100
    assert all(re.fullmatch(r"\d{14}-[0-9a-f]{6}", one) for one in ids)


def test_stages_come_in_their_order_whatever_was_said(repo):
    """`--stage deploy --stage prepare` prepares first."""
    made = make_plan(repo, "toy", ("deploy", "prepare"), {})

    assert [stage.name for stage in made.stages] == ["prepare", "deploy"]


def test_spec_context_earlier_results_and_the_user_meet_in_the_parameters(repo):
    """Each parameter of a notebook gets its value from where it is known."""
    made = make_plan(repo, "toy", STAGES, {"hyperparameters.num_round": "7"})

    values = made.parameters(made.stages[1], {"train": "s3://b/k", "unasked": 1})

    assert values == {
        "model": "toy",
        "run_id": made.context["run_id"],
        "train": "s3://b/k",
        "hyperparameters": {"num_round": 7},
        "fingerprint": made.context["fingerprint"],
    }


def test_the_fingerprint_is_the_checkout_when_nothing_is_overridden(repo):
    """What trains the checkout's content carries the checkout's fingerprint."""
    assert trained_fingerprint(repo, "toy", {}) == fingerprint(repo, "toy")


def test_another_hyperparameter_is_another_content(repo):
    """A model trained with -p is never taken for the checkout's."""
    content = trained_fingerprint(repo, "toy", {"hyperparameters.num_round": "7"})

    assert content != fingerprint(repo, "toy")
    assert content == trained_fingerprint(
        repo, "toy", {"hyperparameters.num_round": "7"}
    )


def test_how_it_is_deployed_does_not_change_what_was_trained(repo):
    """A parameter that only `deploy` knows leaves the fingerprint alone."""
    given = {"endpoint.instance_type": "ml.m5.xlarge"}

    assert trained_fingerprint(repo, "toy", given) == fingerprint(repo, "toy")


def test_an_unknown_parameter_is_refused_with_the_nearest(repo):
    """No kernel starts for a misspelt name."""
    with pytest.raises(SignatureError, match=r"'hyperparameters\.learning_rate'"):
        make_plan(repo, "toy", STAGES, {"lerning_rate": "1"})


def test_a_parameter_of_another_stage_names_the_stage(repo):
    """Here it is the choice of stages that is wrong, not the name."""
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
def test_what_is_given_must_be_fit_for_model_yaml(repo, name, value, said):
    """A wrong value is found before `prepare`, as it would be there."""
    with pytest.raises(SignatureError, match=re.escape(said)):
        make_plan(repo, "toy", STAGES, {name: value})


@pytest.mark.parametrize("name", ["fingerprint", "run_id", "model"])
def test_nobody_says_which_content_this_is(repo, name):
    """A model trained otherwise cannot be passed off as the approved one."""
    with pytest.raises(SignatureError, match=f"-p {name}: found out by the runner"):
        make_plan(repo, "toy", STAGES, {name: "f" * 64})


def test_the_commit_says_when_the_tree_differs_from_it(repo):
    """An executed notebook never claims a commit that lacks its changes."""
    clean = make_plan(repo, "toy", STAGES, {}).context["commit"]
    spec = repo / "models" / "toy" / "model.yaml"
    spec.write_text(spec.read_text() + "owner: me\n")
    dirty = make_plan(repo, "toy", STAGES, {}).context["commit"]

    assert re.fullmatch("[0-9a-f]{40}", clean)
    assert dirty == f"{clean}-dirty"


def test_ci_names_its_commit_and_job(repo, monkeypatch):
    """In CircleCI the lineage is what CircleCI says."""
    monkeypatch.setenv("CIRCLE_SHA1", "c" * 40)
    monkeypatch.setenv("CIRCLE_BUILD_URL", "https://ci/1")

    context = make_plan(repo, "toy", STAGES, {}).context

    assert (context["commit"], context["ci_url"]) == ("c" * 40, "https://ci/1")
