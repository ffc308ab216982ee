"""Which jobs a pipeline runs: for a branch, parameters, outcomes and approvals."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from circleci_simulator.check_text import INTERPOLATION
from circleci_simulator.check_workflows import Invocation, invocations
from circleci_simulator.document import Config
from circleci_simulator.expressions import Environment, evaluate, parse
from circleci_simulator.values import PIPELINE_VALUES


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """What a pipeline was triggered with."""

    branch: str | None = None
    tag: str | None = None
    default_branch: str = "main"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)

    def environment(self, config: Config) -> Environment:
        """Give every pipeline value, undefined where this pipeline has none."""
        known: dict[str, Any] = dict.fromkeys(PIPELINE_VALUES)
        known["pipeline.git.branch"] = self.branch
        known["pipeline.git.tag"] = self.tag
        known["pipeline.git.branch.is_default"] = self.branch == self.default_branch
        known["pipeline.project.slug"] = "gh/team/models"
        known |= self.values
        for name, one in config.section("parameters").items():
            value = self.parameters.get(name, one.get("default"))
            known[f"pipeline.parameters.{name}"] = value
        return known


PUSHES = (Pipeline(branch="main"), Pipeline(branch="feature"), Pipeline(tag="v1"))


@dataclass(frozen=True, kw_only=True)
class Run:
    """One job of a pipeline, and how it ended: or why it has not run."""

    workflow: str
    job: str
    name: str
    status: str


def runs(
    config: Config,
    pipeline: Pipeline,
    *,
    outcomes: Mapping[str, str] | None = None,
    approved: bool | frozenset[str] = True,
) -> list[Run]:
    """List a pipeline's jobs in the order they run; each succeeds unless told."""
    environment = pipeline.environment(config)
    found = []
    for workflow, body in config.section("workflows").items():
        if not isinstance(body, dict) or not _runs_at_all(body, environment):
            continue
        statuses: dict[str, str] = {}
        for job in _in_order(invocations(config, workflow)):
            status = _status(job, statuses, environment, outcomes or {}, approved)
            statuses[job.name] = status
            found.append(
                Run(workflow=workflow, job=job.job, name=job.name, status=status)
            )
    return found


def executed(config: Config, pipeline: Pipeline, **given: Any) -> list[str]:
    """Name the jobs that a pipeline executes."""
    idle = {"filtered", "not_run", "on_hold", "hangs"}
    return [
        run.name for run in runs(config, pipeline, **given) if run.status not in idle
    ]


def hanging(config: Config, pipeline: Pipeline) -> list[str]:
    """Name the jobs that never run because all they wait for is filtered out."""
    found = runs(config, pipeline)
    return [run.name for run in found if run.status == "hangs"]


def _runs_at_all(body: dict[str, Any], environment: Environment) -> bool:
    when, unless = body.get("when", True), body.get("unless", False)
    return _holds(when, environment) and not _holds(unless, environment)


def _status(
    job: Invocation,
    statuses: Mapping[str, str],
    environment: Environment,
    outcomes: Mapping[str, str],
    approved: bool | frozenset[str],
) -> str:
    """Tell how a job ends when those before it ended so."""
    if not _holds(job.details.get("filters", True), environment):
        return "filtered"
    wanted = {name: how for name, how in job.requires.items() if name in statuses}
    left = {name: how for name, how in wanted.items() if statuses[name] != "filtered"}
    if wanted and not left:
        return "hangs"
    for name, how in left.items():
        status = statuses[name]
        if status in ("hangs", "on_hold"):
            return "not_run"
        if "terminal" not in how and status not in how:
            return "not_run"
    if job.is_approval:
        given = approved if isinstance(approved, bool) else job.name in approved
        return "success" if given else "on_hold"
    return outcomes.get(job.name, "success")


def _in_order(jobs: list[Invocation]) -> Iterator[Invocation]:
    left, done = list(jobs), set()
    names = {job.name for job in jobs}
    while left:
        ready = [job for job in left if not (job.requires.keys() & names) - done]
        if not ready:
            raise ValueError(f"these jobs wait for each other: {left}")
        for job in ready:
            left.remove(job)
            done.add(job.name)
            yield job


def _holds(condition: Any, environment: Environment) -> bool:
    """Evaluate an expression, a logic statement or a deprecated mapping of filters."""
    if isinstance(condition, str):
        inner = INTERPOLATION.fullmatch(condition.strip())
        return evaluate(inner[1] if inner else condition, environment)
    if isinstance(condition, dict):
        return _logic(condition, environment)
    return bool(condition)


def _logic(statement: dict[str, Any], environment: Environment) -> bool:
    name, given = next(iter(statement.items()))
    if name == "and":
        return all(_holds(one, environment) for one in given)
    if name == "or":
        return any(_holds(one, environment) for one in given)
    if name == "not":
        return not _holds(given, environment)
    if name == "equal":
        return len({str(_value(one, environment)) for one in given}) == 1
    raise ValueError(f"{name!r}: not simulated")


def _value(text: Any, environment: Environment) -> Any:
    inner = INTERPOLATION.fullmatch(str(text).strip())
    return parse(inner[1])(environment) if inner else text
