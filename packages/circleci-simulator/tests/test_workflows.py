"""Pipelines have values, and workflows have jobs: matrices and groups expanded."""

from typing import Any

import pytest
from circleci_simulator import ConfigError, Pipeline, load
from circleci_simulator.workflows import invocations
from examples import PIPELINE, RELEASE


def requirements(text: str, workflow: str) -> dict[str, list[str]]:
    """Read the names of a workflow's jobs, and what each requires."""
    found = invocations(load(text), workflow)
    return {one.name: sorted(one.requires) for one in found}


def with_jobs(jobs: str) -> str:
    """Write a config whose jobs are not defined."""
    return f"version: 2.1\nworkflows: {{w: {{jobs: {jobs}}}}}"


def test_a_matrix_becomes_a_job_for_each_combination() -> None:
    """Names have the values by the parameters' names; excluded ones are not there."""
    found = requirements(RELEASE, "ship")
    builds = ["build-linux-3.12", "build-linux-3.13", "build-mac-3.13"]
    assert [name for name in found if name.startswith("build")] == builds
    assert found["test"] == builds


def test_a_matrix_fills_in_names_and_requirements() -> None:
    """Each member may wait for the member of another matrix."""
    matrix = "matrix: {parameters: {v: [1, 2]}}"
    text = with_jobs(
        f'[build: {{name: "build-<< matrix.v >>", {matrix}}}, '
        f'deploy: {{requires: ["build-<< matrix.v >>"], {matrix}}}, '
        f"test: {{requires: [all]}}, check: {{{matrix[:-1]}, alias: all}}}}]"
    )
    assert requirements(text, "w") == {
        "build-1": [],
        "build-2": [],
        "deploy-1": ["build-1"],
        "deploy-2": ["build-2"],
        "test": ["check-1", "check-2"],
        "check-1": [],
        "check-2": [],
    }


def test_a_job_group_becomes_its_jobs_and_an_end() -> None:
    """Its first jobs wait for what the group waits for, others for its end."""
    found = requirements(
        RELEASE.replace(
            "ship:\n    jobs:",
            "ship:\n    jobs:\n      - test: {name: after, requires: [rollout]}",
        ),
        "ship",
    )
    assert found["migrate"] == ["test"]
    assert found["release"] == ["migrate"]
    assert found["rollout"] == ["release"]
    assert found["after"] == ["rollout"]


def test_a_named_job_group_prefixes_its_jobs() -> None:
    """So a group can be invoked more than once."""
    text = RELEASE.replace("- rollout:\n", "- rollout:\n          name: eu\n")
    found = requirements(text, "ship")
    assert found["eu-release"] == ["eu-migrate"]
    assert found["eu"] == ["eu-release"]


def test_a_job_that_is_invoked_again_gets_a_number() -> None:
    """CircleCI does so where no name is given."""
    assert list(requirements(with_jobs("[a, a, b]"), "w")) == ["a-1", "a-2", "b"]


def test_a_name_may_have_pipeline_values() -> None:
    """They are filled in when the pipeline is known."""
    name = "a-<< pipeline.number >>"
    config = load(with_jobs(f"[a: {{name: {name}}}, b: {{requires: [{name}]}}]"))
    values = Pipeline(values={"pipeline.number": 7}).values_in(config)
    found = invocations(config, "w", values)
    assert [(one.name, list(one.requires)) for one in found] == [
        ("a-7", []),
        ("b", ["a-7"]),
    ]


@pytest.mark.parametrize(
    ("pipeline", "name", "value"),
    [
        (Pipeline(branch="main"), "pipeline.git.branch", "main"),
        (Pipeline(branch="main"), "pipeline.git.branch.is_default", True),
        (Pipeline(branch="x"), "pipeline.git.branch.is_default", False),
        (Pipeline(tag="v1"), "pipeline.git.branch", None),
        (Pipeline(tag="v1"), "pipeline.git.tag", "v1"),
        (Pipeline(branch="main"), "pipeline.parameters.action", "ci"),
        (
            Pipeline(branch="main", parameters={"action": "retrain"}),
            "pipeline.parameters.action",
            "retrain",
        ),
        (
            Pipeline(values={"pipeline.deploy.target_version": "7"}),
            "pipeline.deploy.target_version",
            "7",
        ),
        (Pipeline(branch="main"), "pipeline.deploy.target_version", None),
    ],
)
def test_a_pipeline_has_values(pipeline: Pipeline, name: str, value: Any) -> None:
    """Those that it does not have are undefined."""
    assert pipeline.values_in(load(PIPELINE))[name] == value


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"aktion": "ci"}, r"Unexpected argument\(s\): aktion"),
        ({"action": "cd"}, "'action': 'cd' does not fit"),
        ({"force": "yes"}, "'force': 'yes' does not fit"),
    ],
)
def test_a_parameter_has_to_be_declared(parameters: dict[str, Any], told: str) -> None:
    """CircleCI creates no pipeline with others, or with values of another type."""
    with pytest.raises(ConfigError, match=told):
        Pipeline(branch="main", parameters=parameters).values_in(load(PIPELINE))
