"""A config as CircleCI runs it: parameters, commands, executors and orbs filled in."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from circleci_simulator.config import (
    Config,
    ConfigError,
    flattened,
    load,
    name_and_details,
)
from circleci_simulator.expressions import Values, fill, logic_holds, shown
from circleci_simulator.workflows import Invocation, Pipeline, invocations

SERIAL_GROUP = re.compile(r"[A-Za-z0-9._/-]{1,512}")


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job of a workflow with nothing left to fill in.

    name: its name in the workflow
    kind: `build`, `approval`, `no-op`, `release`, `lock` or `unlock`
    contexts: the contexts whose variables it gets
    body: what the config says about it, with the executor's keys
    """

    workflow: str
    name: str
    kind: str
    contexts: tuple[str, ...]
    body: dict[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        """Return its environment variables as CircleCI sets them."""
        return environment_variables(self.body.get("environment"))

    @property
    def steps(self) -> list[tuple[str, Any]]:
        """List its steps: what each is, and its details."""
        return [name_and_details(step) for step in self.body.get("steps", ())]

    @property
    def commands(self) -> list[dict[str, Any]]:
        """List its `run` steps in the long form."""
        found = [details for name, details in self.steps if name == "run"]
        return [one if isinstance(one, dict) else {"command": one} for one in found]


def environment_variables(given: Any) -> dict[str, str]:
    """Write variables as CircleCI does: booleans are 1 and 0."""
    pairs = given.items() if isinstance(given, dict) else ()
    return {
        str(name): str(int(value)) if isinstance(value, bool) else shown(value)
        for name, value in pairs
    }


def compile_jobs(config: Config | str, pipeline: Pipeline | None = None) -> list[Job]:
    """Compile every job of every workflow, whether the pipeline runs it or not.

    pipeline: what it was triggered with; without one, parameters have their defaults
        and other values are undefined

    ConfigError: the pipeline passes parameters that the config does not take, or a
        value that is no part of a serial group; or a command invokes itself
    ExpressionError: an expression cannot be evaluated
    """
    config = load(config)
    values = (pipeline or Pipeline()).values_in(config)
    try:
        found = [
            one
            for workflow in config.workflows
            for one in invocations(config, workflow, values)
        ]
        for one in found if pipeline else ():
            group = fill(one.details.get("serial-group", "none"), values)
            if not SERIAL_GROUP.fullmatch(str(group)):
                raise ConfigError(f"{one.place}: bad serial-group {group!r}")
        return [_compiled(config, one, values) for one in found]
    except RecursionError as error:
        raise ConfigError("a command invokes itself") from error


def compiled_size(config: Config | str) -> int:
    """Measure a config in bytes as CircleCI limits it: with every job filled in."""
    config = load(config)
    jobs = [
        {"workflow": job.workflow, job.name: job.body, "context": job.contexts}
        for job in compile_jobs(config)
    ]
    return len(json.dumps([jobs, config.section("workflows")], indent=1, default=str))


def _compiled(config: Config, invocation: Invocation, values: Values) -> Job:
    override = config.find("jobs", invocation.details.get("override-with"))
    found = override or config.find("jobs", invocation.job)
    job, owner = found or ({}, config)
    details = _arguments(config, job, invocation.details, values)
    scope = _scope(job, details, values)
    body = _with_executor(owner, config, job, scope)
    if "steps" in job:
        body["steps"] = [
            *_steps(config, invocation.details.get("pre-steps"), values),
            *_steps(owner, job["steps"], scope),
            *_steps(config, invocation.details.get("post-steps"), values),
        ]
    context = details.get("context") or ()
    return Job(
        workflow=invocation.workflow,
        name=invocation.name,
        kind=invocation.type or str(job.get("type", "build")),
        contexts=(context,) if isinstance(context, str) else tuple(context),
        body=body,
    )


def _with_executor(
    owner: Config, config: Config, job: dict[str, Any], scope: Values
) -> dict[str, Any]:
    """Fill in a job's keys, after those of its executor."""
    own = {k: v for k, v in job.items() if k not in ("parameters", "steps", "executor")}
    chosen = fill(job.get("executor"), scope)
    given = chosen if isinstance(chosen, dict) else {"name": chosen}
    # An orb's job may be given an executor of the config that invokes it.
    name = given.get("name")
    found = owner.find("executors", name) or config.find("executors", name)
    executor = found[0] if found else {}
    machine = fill(
        {k: v for k, v in executor.items() if k != "parameters"},
        _scope(executor, given, scope),
    )
    body = machine | fill(own, scope)
    if "environment" in machine and "environment" in body:
        body["environment"] = machine["environment"] | body["environment"]
    return dict(body)


class _Compiled(list[Any]):
    """Steps that were given as an argument, compiled where they were written."""


def _arguments(
    config: Config, definition: dict[str, Any], given: dict[str, Any], values: Values
) -> dict[str, Any]:
    """Fill in what a definition is invoked with; lists of steps are compiled."""
    declared = definition.get("parameters") or {}
    return {
        name: _Compiled(_steps(config, value, values))
        if (declared.get(name) or {}).get("type") == "steps" and isinstance(value, list)
        else fill(value, values)
        for name, value in given.items()
    }


def _scope(
    definition: Mapping[str, Any], given: Mapping[str, Any], values: Values
) -> Values:
    """Return the values that a definition sees: the pipeline's and its parameters."""
    pipeline = {k: v for k, v in values.items() if k.startswith("pipeline.")}
    declared = definition.get("parameters") or {}
    return pipeline | {
        f"parameters.{name}": given.get(name, one.get("default"))
        for name, one in declared.items()
    }


def _steps(config: Config, steps: Any, scope: Values) -> list[Any]:
    """Replace commands by their steps, and conditions by what they let through."""
    filled: list[Any] = []
    for step in flattened(steps):
        name, details = name_and_details(step)
        command = config.find("commands", name)
        if name in ("when", "unless"):
            if logic_holds(details["condition"], scope) == (name == "when"):
                filled += _steps(config, details["steps"], scope)
        elif name == "steps":
            given = fill(details, scope)
            compiled = isinstance(given, _Compiled)
            filled += given if compiled else _steps(config, given, scope)
        elif command:
            definition, owner = command
            given = _arguments(config, definition, details or {}, scope)
            inner = _scope(definition, given, scope)
            if "steps" in definition:
                filled += _steps(owner, definition["steps"], inner)
            else:
                # A command of the continuation orb, whatever its alias is.
                filled.append({name.rpartition("/")[2]: given})
        else:
            filled.append(name if details is None else {name: fill(details, scope)})
    return filled
