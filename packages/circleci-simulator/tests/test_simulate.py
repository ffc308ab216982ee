"""The simulator tells which jobs a pipeline runs, and how they stand."""

import pytest
from circleci_simulator import (
    ConfigError,
    ExpressionError,
    Pipeline,
    executed,
    hanging,
    job_statuses,
    load,
)
from examples import PIPELINE, RELEASE, ROLLBACK

MAIN = Pipeline(branch="main")
FEATURE = Pipeline(branch="feature")


def test_jobs_run_in_order_of_what_they_require() -> None:
    """Everything succeeds and is approved unless the caller says otherwise."""
    jobs = executed(PIPELINE, MAIN)
    assert jobs == ["train-a", "review", "gate", "deploy"]


def test_a_filter_takes_a_job_out() -> None:
    """On another branch the deployment is not there at all."""
    assert "deploy" not in executed(PIPELINE, FEATURE)


def test_a_failure_stops_what_needs_success() -> None:
    """A job that accepts failure runs all the same."""
    jobs = executed(PIPELINE, MAIN, outcomes={"train-a": "failed"})
    assert jobs == ["train-a", "gate"]


def test_an_approval_holds_what_is_behind_it() -> None:
    """Until somebody approves nothing behind it runs, and nothing fails."""
    found = job_statuses(PIPELINE, MAIN, approved=False)
    statuses = {run.name: run.status for run in found}
    assert (statuses["review"], statuses["deploy"]) == ("on_hold", "not_run")
    some = job_statuses(PIPELINE, MAIN, approved=frozenset({"review"}))
    assert {run.name: run.status for run in some}["deploy"] == "success"


def test_parameters_choose_workflows() -> None:
    """A workflow whose condition does not hold runs nothing."""
    assert executed(PIPELINE, Pipeline(branch="main", parameters={})) != []
    retrain = Pipeline(branch="main", parameters={"action": "retrain"})
    assert executed(PIPELINE, retrain) == []


def test_logic_statements_are_read() -> None:
    """The older statements choose workflows like expressions."""
    old = 'when: pipeline.parameters.action == "ci" or pipeline.parameters.force'
    logic = (
        "when: {and: [{equal: [main, << pipeline.git.branch >>]}, "
        "{not: << pipeline.parameters.force >>}, {or: [true, false]}]}"
    )
    config = load(PIPELINE.replace(old, logic))
    assert executed(config, MAIN) and not executed(config, FEATURE)


def test_a_job_whose_requirements_are_all_filtered_hangs() -> None:
    """CircleCI never starts it, so that a check on it would wait for ever."""
    filtered = 'filters: pipeline.git.branch == "main"'
    config = load(PIPELINE.replace("context: [trainers]", filtered))
    assert hanging(config, MAIN) == []
    assert "gate" in hanging(config, FEATURE)


def test_a_tag_has_no_branch() -> None:
    """An undefined value makes a comparison false, and no error."""
    assert "deploy" not in executed(PIPELINE, Pipeline(tag="v1"))


def test_a_job_without_filters_runs_on_no_tag() -> None:
    """CircleCI runs a job on a tag only if a filter says so."""
    assert executed(PIPELINE, Pipeline(tag="v1")) == []
    filtered = PIPELINE.replace(
        "context: [trainers]", "filters: pipeline.git.tag matches /^v.*/"
    )
    assert executed(filtered, Pipeline(tag="v1")) == ["train-a"]
    assert executed(filtered, Pipeline(tag="w1")) == []


@pytest.mark.parametrize(
    ("filters", "runs_on"),
    [
        ("{branches: {only: main}}", ["main"]),
        ("{branches: {only: [main, /feature-.*/]}}", ["main", "feature-x"]),
        ("{branches: {ignore: /feature.*/}}", ["main"]),
        ("{tags: {only: /v.*/}}", ["main", "feature-x", "v1"]),
        ("{branches: {ignore: /.*/}, tags: {only: /v.*/}}", ["v1"]),
        ("{tags: {ignore: v1}, branches: {only: none}}", []),
    ],
)
def test_filters_by_branch_and_tag_work(filters: str, runs_on: list[str]) -> None:
    """They are deprecated; a pattern has to match all of the name."""
    text = PIPELINE.replace("context: [trainers]", f"filters: {filters}")
    pipelines = {
        "main": MAIN,
        "feature-x": Pipeline(branch="feature-x"),
        "v1": Pipeline(tag="v1"),
    }
    found = [
        name for name, one in pipelines.items() if "train-a" in executed(text, one)
    ]
    assert found == runs_on


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("context: [trainers]", "filters: {branches: {only: /(/}}"),
        (
            'when: pipeline.parameters.action == "ci" or pipeline.parameters.force',
            'when: {matches: {pattern: "(", value: << pipeline.git.branch >>}}',
        ),
    ],
)
def test_a_pattern_has_to_be_one(old: str, new: str) -> None:
    """Otherwise the pipeline cannot be evaluated."""
    with pytest.raises(ExpressionError, match=r"/\(/"):
        executed(PIPELINE.replace(old, new), MAIN)


def test_a_job_group_is_filtered_as_one() -> None:
    """On another branch none of its jobs is there, and none waits for ever."""
    assert executed(RELEASE, MAIN)[-3:] == ["migrate", "release", "rollout"]
    assert executed(RELEASE, FEATURE)[-1] == "test"
    assert hanging(RELEASE, FEATURE) == []


def test_the_end_of_a_group_does_not_run_after_a_failure() -> None:
    """Its status is then not_run, which others may require."""
    text = RELEASE.replace(
        "workflows:\n  ship:\n    jobs:\n",
        "workflows:\n  ship:\n    jobs:\n"
        "      - test: {name: page, requires: [{rollout: not_run}]}\n",
    )
    assert "page" not in executed(text, MAIN)
    assert "page" in executed(text, MAIN, outcomes={"migrate": "failed"})


def test_a_rollback_pipeline_runs_for_the_values_of_its_deployment() -> None:
    """CircleCI's Rollback button gives them."""
    values = {
        "pipeline.deploy.target_version": "6",
        "pipeline.deploy.current_version": "7",
    }
    assert executed(ROLLBACK, Pipeline(branch="main", values=values)) == ["rollback"]
    assert executed(ROLLBACK, Pipeline(branch="main")) == []


def test_a_pattern_of_a_logic_statement_matches_everything() -> None:
    """A part of the branch's name is not enough."""
    old = 'when: pipeline.parameters.action == "ci" or pipeline.parameters.force'
    logic = 'when: {matches: {pattern: "feat.*", value: << pipeline.git.branch >>}}'
    text = PIPELINE.replace(old, logic)
    assert executed(text, FEATURE) and not executed(text, Pipeline(branch="a-feature"))


def test_unless_is_the_opposite_of_when() -> None:
    """A workflow whose `unless` holds runs nothing."""
    text = PIPELINE.replace("    when: pip", "    unless: pip")
    assert executed(text, MAIN) == []


def test_outcomes_may_name_the_workflow() -> None:
    """Jobs of one name in two workflows end in different ways."""
    second = PIPELINE[PIPELINE.index("  main:\n") :].replace("  main:", "  other:")
    found = job_statuses(
        PIPELINE + second, FEATURE, outcomes={"other/train-a": "failed"}
    )
    assert [one.status for one in found if one.name == "train-a"] == [
        "success",
        "failed",
    ]


def test_jobs_that_run_hold_up_what_requires_them() -> None:
    """So it is known which jobs can be started now."""
    found = job_statuses(
        PIPELINE, MAIN, outcomes={"train-a": "success"}, default="running"
    )
    assert [one.name for one in found if one.status == "running"] == ["deploy"]
    found = job_statuses(PIPELINE, MAIN, default="running")
    assert [one.name for one in found if one.status == "running"] == ["train-a"]


def test_jobs_that_wait_for_each_other_are_refused() -> None:
    """Such a workflow cannot be put in an order."""
    text = PIPELINE.replace("model: a", "model: a\n          requires: [deploy]")
    with pytest.raises(ConfigError, match="wait for each other: train-a"):
        executed(text, MAIN)
