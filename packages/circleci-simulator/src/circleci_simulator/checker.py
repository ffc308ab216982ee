"""What is wrong with a CircleCI config, also where CircleCI's schema sees nothing."""

from collections.abc import Iterable
from typing import Any

from circleci_simulator.check_jobs import check_definitions, check_orbs
from circleci_simulator.check_parameters import (
    check_declarations,
    check_pipeline_limits,
)
from circleci_simulator.check_workflows import check_workflows, invocations
from circleci_simulator.compiler import compiled_size
from circleci_simulator.document import Config, load, only_item
from circleci_simulator.simulator import PUSHES, Pipeline, hanging, runs
from circleci_simulator.values import TOP_LEVEL

MAX_BYTES = 8_000_000


def check(text: str, pushes: Iterable[Pipeline] = PUSHES) -> list[str]:
    """List what is wrong with one config."""
    config = load(text)
    if config.problems:
        return config.problems
    if config.data.get("version") != 2.1:
        config.report("version", "must be 2.1")
    for key in config.data.keys() - TOP_LEVEL:
        config.report(str(key), "unknown top-level key")
    check_declarations(config, "pipeline", config.section("parameters"))
    check_pipeline_limits(config)
    check_orbs(config)
    check_definitions(config)
    check_workflows(config)
    if not config.problems:
        _check_pipelines(config, text, pushes)
    return config.problems


def check_pair(setup: str, continuation: str) -> list[str]:
    """List what is wrong with a setup config and the one it continues with."""
    problems = [f"setup: {one}" for one in check(setup)]
    problems += [f"continuation: {one}" for one in check(continuation)]
    before, after = load(setup), load(continuation)
    if after.data.get("setup"):
        problems.append("continuation: a setup config cannot follow another")
    for name, one in before.section("parameters").items():
        other = after.section("parameters").get(name)
        if other is None:
            problems.append(f"continuation: parameter {name!r} of setup is undeclared")
        elif other.get("type") != one.get("type"):
            problems.append(f"continuation: parameter {name!r} has another type")
    return problems


def _check_pipelines(config: Config, text: str, pushes: Iterable[Pipeline]) -> None:
    """Check what only running it shows: who hangs, who continues, how long it is."""
    for push in pushes:
        for name in hanging(config, push):
            config.report(
                name, f"hangs on {push.branch!r}: all it waits for is filtered"
            )
        if config.data.get("setup"):
            _check_setup(config, push)
    if not config.data.get("setup"):
        if config.data.keys() & {"setup"}:
            config.report("setup", "must be true or absent")
        if _continues_anywhere(config):
            config.report("jobs", "continues, but is no setup config")
    if (size := compiled_size(text)) > MAX_BYTES:
        config.report("config", f"{size} bytes compiled, CircleCI takes {MAX_BYTES}")


def _check_setup(config: Config, push: Pipeline) -> None:
    """One workflow, continued once, without the parameters that were given before."""
    running = [run for run in runs(config, push) if run.status != "filtered"]
    if len({run.workflow for run in running}) > 1:
        config.report("workflows", "setup runs more than one workflow")
    steps = [step for run in running for step in _continuing(config, run.job)]
    if len(steps) != 1:
        where = f"on {push.branch!r}"
        config.report("workflows", f"setup continues {len(steps)} times {where}")
    for step in steps:
        for name in config.section("parameters"):
            if f'"{name}"' in str((step or {}).get("parameters", "")):
                config.report("continue", f"passes {name!r}, which setup declares")


def _continuing(config: Config, job: str) -> list[Any]:
    if job.endswith("/continue"):
        return [{}]
    body = config.section("jobs").get(job) or {}
    steps = [only_item(step) for step in body.get("steps", ())]
    return [details for name, details in steps if name.endswith("/continue")]


def _continues_anywhere(config: Config) -> bool:
    jobs = [
        job.job
        for workflow in config.section("workflows")
        for job in invocations(config, workflow)
    ]
    return any(_continuing(config, job) for job in jobs)
