"""A config as CircleCI runs it: parameters, commands and executors filled in."""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from circleci_simulator.check_text import INTERPOLATION
from circleci_simulator.check_workflows import Invocation, invocations
from circleci_simulator.document import Config, load, only_item
from circleci_simulator.expressions import names, parse


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job of a workflow with nothing left to fill in."""

    workflow: str
    name: str
    kind: str
    contexts: tuple[str, ...]
    body: dict[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        """Give the job's variables as CircleCI sets them."""
        given = self.body.get("environment") or {}
        return {name: _shown(value) for name, value in given.items()}

    @property
    def commands(self) -> list[dict[str, Any]]:
        """List its `run` steps in the long form."""
        steps = [only_item(step) for step in self.body.get("steps", ())]
        found = [details for name, details in steps if name == "run"]
        return [one if isinstance(one, dict) else {"command": one} for one in found]


def compile_jobs(
    text: str, pipeline_values: Mapping[str, Any] | None = None
) -> list[Job]:
    """Fill in every job of every workflow."""
    config = load(text)
    values = dict(pipeline_values or {})
    for name, one in config.section("parameters").items():
        values.setdefault(f"pipeline.parameters.{name}", one.get("default"))
    return [
        _compiled(config, invocation, values)
        for workflow in config.section("workflows")
        for invocation in invocations(config, workflow)
    ]


def compiled_size(text: str) -> int:
    """Measure a config the way CircleCI limits it: with every job filled in."""
    jobs = [
        {"workflow": job.workflow, job.name: job.body, "context": job.contexts}
        for job in compile_jobs(text)
    ]
    return len(json.dumps([jobs, load(text).section("workflows")], indent=1))


def _compiled(config: Config, invocation: Invocation, values: dict[str, Any]) -> Job:
    details = _fill(invocation.details, values)
    context = details.get("context") or ()
    found = config.section("jobs").get(invocation.job) or {}
    kind = details.get("type") or found.get("type", "build")
    return Job(
        workflow=invocation.workflow,
        name=invocation.name,
        kind=kind,
        contexts=(context,) if isinstance(context, str) else tuple(context),
        body=_body(config, found, details, values),
    )


def _body(
    config: Config, job: dict[str, Any], given: dict[str, Any], values: dict[str, Any]
) -> dict[str, Any]:
    scope = values | _scope(job, given)
    body = {
        k: v for k, v in job.items() if k not in ("parameters", "steps", "executor")
    }
    executor = _fill(job.get("executor"), scope)
    name, arguments = (
        (executor.get("name"), executor)
        if isinstance(executor, dict)
        else (executor, {})
    )
    machine = config.section("executors").get(name) or {}
    machine = _fill(machine, values | _scope(machine, arguments))
    machine.pop("parameters", None)
    filled = machine | _fill(body, scope)
    if "steps" in job:
        filled["steps"] = _steps(config, job["steps"], scope)
    return filled


def _scope(definition: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    declared = definition.get("parameters") or {}
    return {
        f"parameters.{name}": given.get(name, one.get("default"))
        for name, one in declared.items()
    }


def _steps(config: Config, steps: Any, scope: dict[str, Any]) -> list[Any]:
    """Replace commands by their steps, and conditions by what they let through."""
    filled: list[Any] = []
    for step in steps:
        name, details = only_item(step)
        details = details if name in ("when", "unless") else _fill(details, scope)
        command = config.section("commands").get(name)
        if name in ("when", "unless"):
            if bool(_fill(details["condition"], scope)) == (name == "when"):
                filled += _steps(config, details["steps"], scope)
        elif command:
            outer = {k: v for k, v in scope.items() if k.startswith("pipeline.")}
            inner = outer | _scope(command, details or {})
            filled += _steps(config, command["steps"], inner)
        else:
            filled.append(name if details is None else {name: details})
    return filled


def _fill(node: Any, scope: Mapping[str, Any]) -> Any:
    """Put values in the place of `<< >>`, once: what they hold is not read again."""
    if isinstance(node, dict):
        return {key: _fill(value, scope) for key, value in node.items()}
    if isinstance(node, list):
        return [_fill(value, scope) for value in node]
    if not isinstance(node, str):
        return copy.copy(node)
    whole = INTERPOLATION.fullmatch(node)
    if whole:
        return _value(whole[1], scope)
    return INTERPOLATION.sub(lambda found: _shown(_value(found[1], scope)), node)


def _value(expression: str, scope: Mapping[str, Any]) -> Any:
    name = expression.strip()
    if name in scope:
        return scope[name]
    return parse(name)(dict.fromkeys(names(name)) | dict(scope))


def _shown(value: Any) -> str:
    """Write a value as CircleCI does in the environment."""
    if value is None:
        return "<nil>"
    return str(int(value)) if isinstance(value, bool) else str(value)
