"""Compiled jobs have nothing left to fill in."""

import pytest
from circleci_simulator import (
    ConfigError,
    Pipeline,
    check,
    compile_jobs,
    compiled_size,
    load,
)
from examples import PIPELINE, RELEASE, SETUP

SEVEN = Pipeline(values={"pipeline.number": 7})


def test_compiled_jobs_have_nothing_left_to_fill_in() -> None:
    """Executors, commands and conditions are replaced by what they stand for."""
    jobs = {job.name: job for job in compile_jobs(PIPELINE, SEVEN)}

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
    jobs = compile_jobs(PIPELINE, Pipeline(parameters={"force": True}))
    assert len(jobs[0].commands) == 3


def test_a_value_is_not_filled_in_twice() -> None:
    """A parameter that holds `<< >>` stays text."""
    text = PIPELINE.replace("model: a", 'model: "<< pipeline.id >>"')
    pipeline = Pipeline(values={"pipeline.id": "<< secret >>"})
    job = compile_jobs(text, pipeline)[0]
    assert job.environment == {"MODEL_NAME": "<< secret >>"}


def test_the_compiled_size_grows_with_every_use_of_a_job() -> None:
    """CircleCI's limit counts a job as often as it is invoked."""
    again = PIPELINE.replace(
        "- review:", "- train: {name: b, model: b}\n      - review:"
    )
    assert compiled_size(again) > compiled_size(PIPELINE) + 300


def test_booleans_are_numbers_in_the_environment_and_words_in_commands() -> None:
    """CircleCI writes them so."""
    text = PIPELINE.replace(
        "{MODEL_NAME: << parameters.model >>}", "{F: << pipeline.parameters.force >>}"
    ).replace("echo << pipeline.number >>", "echo << pipeline.parameters.force >>")
    job = compile_jobs(text)[0]
    assert job.environment == {"F": "0"}
    assert job.commands[-1]["command"].endswith("&& echo false")


def test_an_undefined_value_is_nil() -> None:
    """CircleCI writes `<nil>` for it."""
    text = PIPELINE.replace("<< parameters.model >>", "<< pipeline.git.tag >>")
    assert compile_jobs(text)[0].environment == {"MODEL_NAME": "<nil>"}


def test_an_escaped_interpolation_becomes_text() -> None:
    """A shell's here-document is written with a backslash."""
    text = PIPELINE.replace("make setup,", "'cat \\<<END',")
    assert compile_jobs(text)[0].commands[0]["command"] == "cat <<END"


def test_an_executor_adds_to_the_environment() -> None:
    """A variable of the job comes before one of its executor."""
    text = PIPELINE.replace(
        "    docker: [{image: cimg/python:<< parameters.tag >>}]",
        "    docker: [{image: cimg/python:<< parameters.tag >>}]\n"
        "    environment: {MODEL_NAME: none, LANG: C}",
    )
    assert compile_jobs(text)[0].environment == {"MODEL_NAME": "a", "LANG": "C"}


def test_steps_are_given_as_arguments() -> None:
    """They are compiled where they were written, with that place's parameters."""
    text = PIPELINE.replace(
        '      extra: {type: string, default: ""}\n    steps:\n',
        '      extra: {type: string, default: ""}\n'
        "      after: {type: steps, default: [checkout]}\n"
        "    steps:\n      - steps: << parameters.after >>\n",
    ).replace(
        "install: {extra: gpu}",
        "install: {extra: gpu, after: [run: echo << parameters.model >>]}",
    )
    jobs = {job.name: job for job in compile_jobs(text)}
    assert jobs["train-a"].commands[0]["command"] == "echo a"
    assert jobs["deploy"].steps[0] == ("checkout", None)


def test_steps_before_and_after_surround_a_job() -> None:
    """A workflow adds them to a job of its."""
    text = PIPELINE.replace(
        "context: [trainers]",
        "pre-steps: [install]\n          post-steps: [{run: echo done}]",
    )
    commands = [one["command"] for one in compile_jobs(text)[0].commands]
    assert commands[0] == commands[1] == "make setup"
    assert commands[-1] == "echo done"


def test_an_orbs_job_uses_the_orbs_own_definitions() -> None:
    """Its commands and executors are those of the orb, whatever the config has."""
    orb = """\
executors: {python: {docker: [{image: orb}]}}
commands: {install: {steps: [{run: orb install}]}}
jobs: {lint: {executor: python, steps: [install]}}
"""
    text = PIPELINE.replace("orbs:\n", "orbs:\n  tools: acme/tools@1.2.3\n").replace(
        "      - train:", "      - tools/lint\n      - train:"
    )
    config = load(text, {"acme/tools@1.2.3": orb})
    job = compile_jobs(config)[0]
    assert job.name == "tools/lint"
    assert job.body["docker"] == [{"image": "orb"}]
    assert [one["command"] for one in job.commands] == ["orb install"]


def test_an_override_replaces_a_job_if_the_orb_has_it() -> None:
    """Otherwise the config's own job is compiled."""
    commands = {job.name: job.commands for job in compile_jobs(RELEASE)}
    assert commands["test"] == [{"command": "make standard-test"}]
    absent = RELEASE.replace(
        "override-with: standard/test", "override-with: standard/x"
    )
    jobs = {job.name: job for job in compile_jobs(absent)}
    assert jobs["test"].steps[0] == ("checkout", None)


def test_a_matrix_gives_each_job_its_arguments() -> None:
    """The names of jobs tell which."""
    text = RELEASE.replace("make build", "make << parameters.os >>")
    commands = {job.name: job.commands for job in compile_jobs(text)}
    assert commands["build-mac-3.13"][0]["command"] == "make mac"
    assert commands["build-linux-3.12"][0]["command"] == "make linux"


def test_types_of_jobs_are_kept() -> None:
    """A release job and the end of a group have no steps."""
    kinds = {job.name: job.kind for job in compile_jobs(RELEASE)}
    assert (kinds["release"], kinds["rollout"]) == ("release", "no-op")


def test_continuing_is_a_step_of_its_own() -> None:
    """As a step, or as a job that checks out first."""
    step = ("continue", {"configuration_path": "x.yml"})
    assert compile_jobs(SETUP)[0].steps == [step]
    text = SETUP.replace(
        "jobs: [select]", "jobs: [continuation/continue: {configuration_path: x.yml}]"
    )
    first, second = compile_jobs(text)[0].steps
    assert (first, second[0]) == (("checkout", None), "continue")
    assert second[1]["configuration_path"] == "x.yml"


def test_a_serial_group_takes_no_free_text() -> None:
    """Of letters, digits and four other characters, also where a value fills it."""
    config = (
        "version: 2.1\njobs:\n  work:\n    docker: [{image: cimg/base:current}]\n"
        "    steps: [checkout]\nworkflows:\n  w:\n    jobs:\n      - work:\n"
        "          serial-group: deploy/<< pipeline.deploy.component_name >>\n"
    )
    assert check(config) == []
    for name, is_right in (("churn", True), ("a b", False), ("$(x)", False)):
        given = {"pipeline.deploy.component_name": name}
        pipeline = Pipeline(branch="main", values=given)
        if is_right:
            assert compile_jobs(config, pipeline)
        else:
            with pytest.raises(ConfigError, match="bad serial-group"):
                compile_jobs(config, pipeline)
