"""The simulator tells which jobs run, and the compiler what they do."""

from circleci_simulator import Pipeline, compile_jobs, compiled_size, executed, hanging, load, job_statuses as runs
from examples import PIPELINE

MAIN = Pipeline(branch="main")
FEATURE = Pipeline(branch="feature")


def test_jobs_run_in_order_of_what_they_require() -> None:
    """Everything succeeds and is approved unless the caller says otherwise."""
    jobs = executed(load(PIPELINE), MAIN)
    assert jobs == ["train-a", "review", "gate", "deploy"]


def test_a_filter_takes_a_job_out() -> None:
    """On another branch the deployment is not there at all."""
    assert "deploy" not in executed(load(PIPELINE), FEATURE)


def test_a_failure_stops_what_needs_success() -> None:
    """A job that accepts failure runs all the same."""
    jobs = executed(load(PIPELINE), MAIN, outcomes={"train-a": "failed"})
    assert jobs == ["train-a", "gate"]


def test_an_approval_holds_what_is_behind_it() -> None:
    """Until somebody approves nothing behind it runs, and nothing fails."""
    found = runs(load(PIPELINE), MAIN, approved=False)
    statuses = {run.name: run.status for run in found}
    assert (statuses["review"], statuses["deploy"]) == ("on_hold", "not_run")
    some = runs(load(PIPELINE), MAIN, approved=frozenset({"review"}))
    assert {run.name: run.status for run in some}["deploy"] == "success"


def test_parameters_choose_workflows() -> None:
    """A workflow whose condition does not hold runs nothing."""
    assert executed(load(PIPELINE), Pipeline(branch="main", parameters={})) != []
    retrain = Pipeline(branch="main", parameters={"action": "retrain"})
    assert executed(load(PIPELINE), retrain) == []


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
    assert "deploy" not in executed(load(PIPELINE), Pipeline(tag="v1"))


def test_compiled_jobs_have_nothing_left_to_fill_in() -> None:
    """Executors, commands and conditions are replaced by what they stand for."""
    jobs = {job.name: job for job in compile_jobs(PIPELINE, {"pipeline.number": 7})}

    train = jobs["train-a"]

    assert train.body["docker"] == [{"image": "cimg/python:3.11"}]
    assert train.environment == {"MODEL_NAME": "a"}
    assert train.contexts == ("trainers",)
    assert [one["command"] for one in train.commands] == [
        "make setup",
        'python -m runner run "$MODEL_NAME" && echo 7',
    ]
    assert train.commands[0]["environment"] == {"EXTRA": "gpu"}
    assert jobs["deploy"].body["parallelism"] == 1
    assert jobs["review"].kind == "approval"
    assert jobs["gate"].kind == "no-op"


def test_a_condition_lets_steps_through() -> None:
    """With the parameter set, the conditional steps are among the others."""
    jobs = compile_jobs(
        PIPELINE, {"pipeline.number": 7, "pipeline.parameters.force": True}
    )
    assert len(jobs[0].commands) == 3


def test_a_value_is_not_filled_in_twice() -> None:
    """A parameter that holds `<< >>` stays text."""
    text = PIPELINE.replace("model: a", 'model: "<< pipeline.id >>"')
    job = compile_jobs(text, {"pipeline.number": 7, "pipeline.id": "<< secret >>"})[0]
    assert job.environment == {"MODEL_NAME": "<< secret >>"}


def test_the_compiled_size_grows_with_every_use_of_a_job() -> None:
    """CircleCI's limit counts a job as often as it is invoked."""
    again = PIPELINE.replace(
        "- review:", "- train: {name: b, model: b}\n      - review:"
    )
    assert compiled_size(again) > compiled_size(PIPELINE) + 300
