"""What is wrong with a CircleCI config, also where CircleCI's schema sees nothing."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from circleci_simulator.checks.arguments import (
    check_pipeline_parameters,
    did_you_mean,
)
from circleci_simulator.checks.definitions import check_definitions
from circleci_simulator.checks.invocations import check_workflows
from circleci_simulator.checks.shape import check_shape
from circleci_simulator.compile import Job, compile_jobs, compiled_size
from circleci_simulator.config import PULL_REQUEST_VALUES, Config, ConfigError, load
from circleci_simulator.expressions import ExpressionError
from circleci_simulator.simulate import IDLE, hanging, job_statuses
from circleci_simulator.workflows import Pipeline

MAX_BYTES = 8_000_000
CONTINUATION_KEY = "CIRCLE_CONTINUATION_KEY"
TOP_LEVEL = {
    "version", "setup", "orbs", "parameters", "executors", "commands", "jobs",
    "job-groups", "workflows", "description", "display", "experimental",
}  # fmt: skip


def pushes(default_branch: str = "main") -> list[Pipeline]:
    """Return a pipeline of the default branch, of another branch, and of a tag."""
    return [
        Pipeline(branch=default_branch, default_branch=default_branch),
        Pipeline(branch="feature", default_branch=default_branch),
        Pipeline(tag="v1", default_branch=default_branch),
    ]


def check(
    config: Config | str,
    pipelines: Iterable[Pipeline] | None = None,
    *,
    orbs: Mapping[str, str | None] | None = None,
) -> list[str]:
    """List what is wrong with a config, each as `place: problem`; empty if nothing is.

    config: its text
    pipelines: for which it is checked that no job waits for ever, and that a setup
        workflow continues once; else those of `pushes`
    orbs: sources of orbs, see `load`
    """
    try:
        config = load(config, orbs)
    except ConfigError as error:
        return [str(error)]
    for found in (
        check_shape(config.data),
        # A config of another shape cannot be read further; one that has mistakes in
        # its text can be neither compiled nor simulated.
        _check_text(config),
        _check_pipelines(config, pushes() if pipelines is None else pipelines),
    ):
        if problems := list(dict.fromkeys(found)):
            return problems
    return []


def check_pair(
    setup: str,
    continuation: str,
    pipelines: Sequence[Pipeline] | None = None,
    *,
    orbs: Mapping[str, str | None] | None = None,
) -> list[str]:
    """List what is wrong with a setup config and the config it continues with.

    pipelines, orbs: see `check`
    """
    texts = {"setup": setup, "continuation": continuation}
    problems = [
        f"{name}: {problem}"
        for name, text in texts.items()
        for problem in check(text, pipelines, orbs=orbs)
    ]
    try:
        before, after = load(setup, orbs), load(continuation, orbs)
    except ConfigError:
        return problems
    if after.data.get("setup"):
        problems.append("continuation: a setup config cannot follow another")
    for name, one in before.section("parameters").items():
        other = after.section("parameters").get(name)
        if other is None:
            problems.append(f"continuation: parameter {name!r} of setup is undeclared")
        elif other.get("type") != one.get("type"):
            problems.append(f"continuation: parameter {name!r} has another type")
    return problems


def _check_text(config: Config) -> Iterator[str]:
    if str(config.data.get("version")) != "2.1":
        yield "version: must be 2.1"
    for key in config.data.keys() - TOP_LEVEL:
        if not _holds_anchors(config.text, str(key)):
            yield f"{key}: unknown top-level key{did_you_mean(str(key), TOP_LEVEL)}"
    if config.data.get("setup", True) is not True:
        yield "setup: must be true or absent"
    yield from check_pipeline_parameters(config)
    yield from check_definitions(config)
    yield from check_workflows(config)


def _holds_anchors(text: str, key: str) -> bool:
    """Tell whether a top-level key is there for YAML anchors, which CircleCI allows."""
    block = re.search(
        rf"^['\"]?{re.escape(key)}['\"]?:(.*\n(?:[ \t#-].*\n|\n)*)", text, re.MULTILINE
    )
    return bool(block and re.search(r"(?:^|\s)&[\w-]+", block[1]))


def _check_pipelines(config: Config, pipelines: Iterable[Pipeline]) -> Iterator[str]:
    """Report what only compiling and simulating shows."""
    try:
        jobs = {(job.workflow, job.name): job for job in compile_jobs(config)}
    except (ConfigError, ExpressionError) as error:
        yield f"config: cannot be compiled: {error}"
        return
    for pipeline in pipelines:
        try:
            for name in hanging(config, pipeline):
                yield f"{name}: hangs on {pipeline}: all it waits for is filtered"
            if config.data.get("setup"):
                yield from _check_setup(config, pipeline, jobs)
        except (ConfigError, ExpressionError) as error:
            yield f"workflows: on {pipeline}: {_explained(error)}"
    if not config.data.get("setup") and any(map(_continuing, jobs.values())):
        yield "jobs: continues, but is no setup config"
    if (size := compiled_size(config)) > MAX_BYTES:
        yield f"config: {size} bytes compiled, CircleCI takes {MAX_BYTES}"


def _check_setup(
    config: Config, pipeline: Pipeline, jobs: Mapping[tuple[str, str], Job]
) -> Iterator[str]:
    """Report other than one workflow that continues once, with new parameters.

    A job that may not use its context has not run: another may continue in its place.
    """
    found = job_statuses(config, pipeline)
    running = [one for one in found if one.status != "filtered"]
    if len({one.workflow for one in running}) > 1:
        yield "workflows: setup runs more than one workflow"
    compiled = [jobs[one.workflow, one.name] for one in running]
    # Nothing runs on a tag that no filter names, and any orb may continue.
    nothing = pipeline.tag is not None and not running
    unseen = any(config.is_unseen(one.job) for one in running) or any(
        config.is_unseen(name) for job in compiled for name, _ in job.steps
    )
    steps = [step for job in compiled for step in _continuing(job)]
    barred = {job.name: "unauthorized" for job in compiled if job.contexts}
    counts = [
        sum(
            len(_continuing(jobs[one.workflow, one.name]))
            for one in job_statuses(config, pipeline, outcomes=outcomes)
            if one.status not in IDLE and one.status != "unauthorized"
        )
        for outcomes in ({}, barred)
    ]
    wrong = next((n for n in counts if n > 1), counts[0])
    if wrong != 1 and not nothing and not (unseen and not steps):
        yield f"workflows: setup continues {wrong} times on {pipeline}"
    for step in steps:
        for name in _passed(step) & config.section("parameters").keys():
            yield f"continue: passes {name!r}, which setup declares"


def _continuing(job: Job) -> list[dict[str, Any]]:
    """List the steps of a job that continue the pipeline: the orb's, or API calls."""
    found = [details for name, details in job.steps if name in ("continue", "finish")]
    calls = [one for one in job.commands if CONTINUATION_KEY in str(one["command"])]
    return found + [{} for _ in calls]


def _passed(step: dict[str, Any]) -> set[str]:
    """Name the parameters that a step continues with, unless a file holds them."""
    try:
        given = json.loads(str(step.get("parameters", "{}")))
    except ValueError:
        return set()
    return set(given) if isinstance(given, dict) else set()


def _explained(error: Exception) -> str:
    """Say what a value that is not always there needs."""
    for name in PULL_REQUEST_VALUES:
        if f"unknown {name!r}" in str(error):
            return f"{name} is only there in pull requests; test pipeline.event.name"
    return str(error)
