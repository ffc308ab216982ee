"""Which jobs a pipeline runs: for a branch, parameters, outcomes and approvals."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from circleci_simulator.config import Config, ConfigError, load
from circleci_simulator.expressions import Values, condition_holds, pattern
from circleci_simulator.workflows import Invocation, Pipeline, invocations

# The statuses of jobs that are not executed; `hangs` is this simulator's own word.
IDLE = frozenset({"filtered", "not_run", "on_hold", "hangs"})
# The statuses of jobs that have not ended, so that nothing behind them runs.
UNFINISHED = frozenset({"hangs", "on_hold", "running"})
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class JobStatus:
    """A job of a pipeline, and its status.

    status: `success`, or what outcomes said · `filtered`: its filters do not hold ·
        `on_hold`: an approval that nobody gave · `not_run`: a requirement is not met ·
        `hangs`: all that it requires is filtered, so that CircleCI never starts it
    """

    workflow: str
    job: str
    name: str
    type: str
    status: str


def job_statuses(
    config: Config | str,
    pipeline: Pipeline,
    *,
    outcomes: Mapping[str, str] = NOTHING,
    approved: bool | frozenset[str] = True,
    default: str = "success",
) -> list[JobStatus]:
    """List the jobs of the workflows that a pipeline runs, in an order they can run in.

    outcomes: how jobs end, by name or by `workflow/name`: `success`, `failed`,
        `canceled`, `unauthorized`
    approved: whether approvals are given, or the names of those that are
    default: how other jobs with steps end

    ConfigError: the pipeline passes parameters that the config does not take
    ExpressionError: a condition cannot be evaluated
    """
    config = load(config)
    values = pipeline.values_in(config)
    found = []
    for workflow, body in config.workflows.items():
        if not _runs(body, values):
            continue
        statuses: dict[str, str] = {}
        for one in _in_order(invocations(config, workflow, values)):
            kind = _type(config, one)
            status = _status(one, statuses, pipeline, values)
            if status == "ready":
                status = _end(one, kind, outcomes, approved, default)
            statuses[one.name] = status
            found.append(
                JobStatus(
                    workflow=workflow,
                    job=one.job,
                    name=one.name,
                    type=kind,
                    status=status,
                )
            )
    return found


def executed(config: Config | str, pipeline: Pipeline, **given: Any) -> list[str]:
    """Name the jobs that a pipeline executes; see `job_statuses`."""
    found = job_statuses(config, pipeline, **given)
    return [one.name for one in found if one.status not in IDLE]


def hanging(config: Config | str, pipeline: Pipeline) -> list[str]:
    """Name the jobs that never start because all that they require is filtered."""
    found = job_statuses(config, pipeline)
    return [one.name for one in found if one.status == "hangs"]


def _runs(workflow: Mapping[str, Any], values: Values) -> bool:
    when, unless = workflow.get("when", True), workflow.get("unless", False)
    return condition_holds(when, values) and not condition_holds(unless, values)


def _status(
    job: Invocation, statuses: Mapping[str, str], pipeline: Pipeline, values: Values
) -> str:
    """Tell whether a job is ready when those before it ended so."""
    if not _selected(job, pipeline, values):
        return "filtered"
    wanted = {name: how for name, how in job.requires.items() if name in statuses}
    left = {name: how for name, how in wanted.items() if statuses[name] != "filtered"}
    if wanted and not left:
        return "hangs"
    for name, how in left.items():
        ended = statuses[name]
        if ended in UNFINISHED or (ended not in how and "terminal" not in how):
            return "not_run"
    return "ready"


def _type(config: Config, job: Invocation) -> str:
    found = config.find("jobs", job.job)
    return job.type or str(found[0].get("type", "build") if found else "build")


def _end(
    job: Invocation,
    kind: str,
    outcomes: Mapping[str, str],
    approved: bool | frozenset[str],
    default: str,
) -> str:
    """Tell how a job ends that is ready."""
    names = (f"{job.workflow}/{job.name}", job.name)
    if kind == "approval":
        given = approved if isinstance(approved, bool) else approved & {*names}
        return "success" if given else "on_hold"
    told = [outcomes[name] for name in names if name in outcomes]
    return [*told, default if kind == "build" else "success"][0]


def _selected(job: Invocation, pipeline: Pipeline, values: Values) -> bool:
    """Tell whether a job's filters hold; without any, a job runs on branches only."""
    if not job.filters:
        return pipeline.tag is None
    return all(
        _branch_or_tag_passes(one, pipeline)
        if isinstance(one, dict)
        else condition_holds(one, values)
        for one in job.filters
    )


def _branch_or_tag_passes(filters: Mapping[str, Any], pipeline: Pipeline) -> bool:
    """Apply the deprecated filters by branch and tag."""
    kind, name = (
        ("tags", pipeline.tag) if pipeline.tag else ("branches", pipeline.branch)
    )
    rule = filters.get(kind)
    if not isinstance(rule, dict):
        return kind == "branches"
    if rule.get("only"):
        return _matches_any(name or "", rule["only"])
    return not _matches_any(name or "", rule.get("ignore") or [])


def _matches_any(name: str, specifiers: Any) -> bool:
    """Tell whether a name is one of these, or matches a `/pattern/` as a whole."""
    for one in specifiers if isinstance(specifiers, list) else [specifiers]:
        text = str(one)
        if text == name:
            return True
        if text[:1] == text[-1:] == "/" and pattern(text[1:-1]).fullmatch(name):
            return True
    return False


def _in_order(jobs: list[Invocation]) -> Iterator[Invocation]:
    """Yield jobs after those that they require."""
    left, done = list(jobs), set[str]()
    names = {job.name for job in jobs}
    while left:
        ready = [job for job in left if not (job.requires.keys() & names) - done]
        if not ready:
            waiting = ", ".join(job.name for job in left)
            raise ConfigError(f"these jobs wait for each other: {waiting}")
        for job in ready:
            left.remove(job)
            done.add(job.name)
            yield job
