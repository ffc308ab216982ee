"""Workflows and job groups: the jobs in them, what these wait for, who approves."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from circleci_simulator.checks.arguments import (
    check_arguments,
    check_expression,
    check_interpolations,
    unknown_keys,
)
from circleci_simulator.checks.definitions import JOB_TYPES, check_reruns, check_steps
from circleci_simulator.compile import SERIAL_GROUP
from circleci_simulator.config import Config
from circleci_simulator.expressions import INTERPOLATION
from circleci_simulator.workflows import Invocation, listed

MAX_CONTEXTS = 100
WORKFLOW_KEYS = {"jobs", "when", "unless", "triggers", "max_auto_reruns", "version"}
INVOCATION_KEYS = {
    "name", "requires", "context", "filters", "type", "matrix", "pre-steps",
    "post-steps", "serial-group", "override-with",
}  # fmt: skip
GROUP_INVOCATION_KEYS = {"name", "requires", "filters", "serial-group"}
LOGIC = {"and", "or", "not", "equal", "matches"}
STATUSES = {"success", "failed", "canceled", "unauthorized", "not_run", "terminal"}


def check_workflows(config: Config) -> Iterator[str]:
    """Report what is wrong with workflows, and what has to differ between them."""
    for name, group in config.section("job-groups").items():
        yield from _check_group(config, str(name), group)
    approvals: Counter[str] = Counter()
    contexts: set[str] = set()
    for name, body in config.workflows.items():
        place = f"workflows.{name}"
        yield from unknown_keys(place, body, WORKFLOW_KEYS)
        yield from check_reruns(place, body)
        for key in ("when", "unless"):
            yield from _check_when(config, place, body.get(key))
        jobs = listed(name, body.get("jobs"))
        yield from _check_graph(config, place, jobs)
        for job in jobs:
            yield from _check_invocation(config, job)
            given = job.details.get("context") or ()
            contexts.update([given] if isinstance(given, str) else given)
        approvals.update(job.name for job in jobs if job.type == "approval")
    for name, count in approvals.items():
        if count > 1:
            yield f"workflows: approval {name!r} stands {count} times"
    if len(contexts) > MAX_CONTEXTS:
        yield f"workflows: more than {MAX_CONTEXTS} contexts"


def _check_group(config: Config, name: str, group: Any) -> Iterator[str]:
    """Report what is wrong with a job group, whose jobs may not be groups."""
    place = f"job-groups.{name}"
    if name in config.section("jobs"):
        yield f"{place}: a job has this name too"
    if not isinstance(group, dict) or not group.get("jobs"):
        yield f"{place}: no jobs"
        return
    yield from unknown_keys(place, group, {"jobs"})
    jobs = listed(name, group["jobs"])
    yield from _check_graph(config, place, jobs)
    for job in jobs:
        if job.job in config.section("job-groups"):
            yield f"{place}: {job.job!r} is a job group; groups cannot be nested"
            continue
        if "serial-group" in job.details:
            yield f"{place}: serial-group belongs on the invocation of the group"
        for problem in _check_invocation(config, job):
            yield problem.replace(job.place, f"{place}.{job.name}", 1)


def _check_when(config: Config, place: str, when: Any) -> Iterator[str]:
    if isinstance(when, str):
        inner = INTERPOLATION.fullmatch(when.strip())
        yield from check_expression(config, place, inner[1].strip() if inner else when)
    else:
        yield from check_interpolations(config, place, when, {})
        yield from _check_logic(place, when)


def _check_logic(place: str, statement: Any) -> Iterator[str]:
    """Report logic that CircleCI does not know, or that is true whatever it says."""
    if isinstance(statement, str) and "<<" not in statement:
        yield f"{place}: {statement!r} is always true; write << >> around a value"
    if not isinstance(statement, dict):
        return
    yield from unknown_keys(place, statement, LOGIC)
    for key in ("and", "or"):
        every = statement.get(key, [])
        if not isinstance(every, list):
            yield f"{place}: {key} takes a list"
            continue
        for one in every:
            yield from _check_logic(place, one)
    yield from _check_logic(place, statement.get("not"))


def _check_invocation(config: Config, job: Invocation) -> Iterator[str]:
    """Report what is wrong with a job of a workflow."""
    skipped = ("filters", "pre-steps", "post-steps")
    details = {k: v for k, v in job.details.items() if k not in skipped}
    yield from check_interpolations(config, job.place, details, {})
    yield from _check_filters(config, job)
    yield from _check_serial_group(job)
    if job.job in config.section("job-groups"):
        for key in job.details.keys() - GROUP_INVOCATION_KEYS:
            yield f"{job.place}: a job group takes no {key!r}"
        return
    if job.type is not None:
        yield from _check_type(config, job)
        return
    for key in ("pre-steps", "post-steps"):
        steps = job.details.get(key)
        yield from check_interpolations(config, job.place, steps, {})
        yield from check_steps(config, job.place, steps, {})
    yield from _check_override(config, job)
    if config.is_unseen(job.job):
        return
    found = config.find("jobs", job.job)
    if found is None:
        yield f"{job.place}: undefined job {job.job!r}"
        return
    given = {k: v for k, v in job.details.items() if k not in INVOCATION_KEYS}
    yield from check_arguments(job.place, found[0].get("parameters"), given)


def _check_type(config: Config, job: Invocation) -> Iterator[str]:
    """Report a type that a workflow cannot give."""
    defined = config.section("jobs").get(job.job)
    if job.type not in JOB_TYPES:
        yield f"{job.place}: unknown job type {job.type!r}"
    elif job.type != "approval":
        yield f"{job.place}: only an approval has its type here; define the job"
    elif isinstance(defined, dict) and defined.get("type") != "approval":
        yield f"{job.place}: a job has the name of this approval too"


def _check_override(config: Config, job: Invocation) -> Iterator[str]:
    """Report an override that is not there: CircleCI runs the config's own job then."""
    name = job.details.get("override-with")
    if name is None or "<<" in str(name) or config.is_unseen(str(name)):
        return
    if config.find("jobs", name) is None or "/" not in str(name):
        yield f"{job.place}: override-with {name!r} is no job of the declared orbs"


def _check_filters(config: Config, job: Invocation) -> Iterator[str]:
    for filters in job.filters:
        if isinstance(filters, str):
            yield from check_expression(config, job.place, filters)
        elif isinstance(filters, dict):
            yield f"{job.place}: filters as a mapping are deprecated"
            for key, rule in filters.items():
                if key not in ("branches", "tags"):
                    yield f"{job.place}: unknown filter {key!r}"
                elif isinstance(rule, dict):
                    yield from unknown_keys(job.place, rule, {"only", "ignore"})


def _check_serial_group(job: Invocation) -> Iterator[str]:
    group = job.details.get("serial-group")
    if group is not None:
        filled = INTERPOLATION.sub("x", str(group))
        if not SERIAL_GROUP.fullmatch(filled):
            yield f"{job.place}: bad characters in serial-group {group!r}"


def _check_graph(config: Config, place: str, jobs: list[Invocation]) -> Iterator[str]:
    """Report names that clash, requirements that are absent, and cycles."""
    given = Counter(str(one.details.get("name", one.name)).lower() for one in jobs)
    for name, count in given.items():
        if count > 1:
            yield f"{place}: two jobs are called {name!r}"
    yield from _check_repeated_groups(config, place, jobs)
    for job in jobs:
        for name, statuses in job.requires.items():
            found = _meant(job, name, jobs)
            if not found and "<<" not in name:
                yield f"{job.place}: {_absent(config, name)}"
            if len(found) > 1 and not all("matrix" in one.details for one in found):
                yield f"{job.place}: requires {name!r}, of which there are {len(found)}"
            for status in sorted(statuses - STATUSES):
                yield f"{job.place}: unknown status {status!r}"
    waits = {
        job.name: {one.name for name in job.requires for one in _meant(job, name, jobs)}
        for job in jobs
    }
    required = set().union(*waits.values()) if waits else set()
    for job in jobs:
        if job.type == "approval" and job.name not in required:
            yield f"{job.place}: nothing waits for this approval"
    yield from _check_cycles(place, waits)


def _meant(job: Invocation, name: str, jobs: list[Invocation]) -> list[Invocation]:
    """List the jobs that a job requires by a name."""
    named = [one for one in jobs if one.name == name]
    return named or [one for one in jobs if one.alias == name and one is not job]


def _check_repeated_groups(
    config: Config, place: str, jobs: list[Invocation]
) -> Iterator[str]:
    unnamed = Counter(one.job for one in jobs if "name" not in one.details)
    for name in config.section("job-groups"):
        if unnamed[name] > 1:
            yield f"{place}: job group {name!r} is invoked again without a name"


def _absent(config: Config, name: str) -> str:
    """Say that a required job is not there, and where it is."""
    for group, body in config.section("job-groups").items():
        jobs = body.get("jobs") if isinstance(body, dict) else None
        if any(name in (one.name, one.alias) for one in listed(str(group), jobs)):
            return f"requires {name!r}, which is inside job group {group!r}"
    return f"requires {name!r}, which is not there"


def _check_cycles(place: str, waits: dict[str, set[str]]) -> Iterator[str]:
    """Take away jobs that can run until the rest can only wait for each other."""
    left = dict(waits)
    while ready := [name for name in left if not left[name] & left.keys()]:
        for name in ready:
            del left[name]
    if left:
        yield f"{place}: these jobs wait for each other: {sorted(left)}"
