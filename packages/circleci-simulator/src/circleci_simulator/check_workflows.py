"""Workflows: their jobs, what these wait for, and who approves."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from circleci_simulator.check_jobs import find_in_orb
from circleci_simulator.check_parameters import check_arguments
from circleci_simulator.check_text import (
    INTERPOLATION,
    check_expression,
    check_interpolations,
)
from circleci_simulator.document import Config, only_item
from circleci_simulator.values import INVOCATION, JOB_TYPES, STATUSES, WORKFLOW

SERIAL_GROUP = re.compile(r"[A-Za-z0-9._/-]{1,512}")
MAX_CONTEXTS = 100


@dataclass(frozen=True)
class Invocation:
    """A job of a workflow."""

    workflow: str
    job: str
    name: str
    details: dict[str, Any]

    @property
    def place(self) -> str:
        return f"workflows.{self.workflow}.{self.name}"

    @property
    def is_approval(self) -> bool:
        return self.details.get("type") == "approval"

    @property
    def requires(self) -> dict[str, set[str]]:
        """Name the jobs it waits for, and the statuses that satisfy it."""
        wanted = {}
        for entry in self.details.get("requires") or ():
            name, statuses = only_item(entry)
            some = statuses if isinstance(statuses, list) else [statuses or "success"]
            wanted[name] = set(some)
        return wanted


def invocations(config: Config, workflow: str) -> list[Invocation]:
    """List a workflow's jobs."""
    body = config.section("workflows").get(workflow)
    found = []
    for entry in body.get("jobs", ()) if isinstance(body, dict) else ():
        job, details = only_item(entry)
        details = details or {}
        found.append(Invocation(workflow, job, details.get("name", job), details))
    return found


def check_workflows(config: Config) -> None:
    """Check every workflow, and what has to differ between them."""
    approvals: Counter[str] = Counter()
    contexts: set[str] = set()
    for name, body in config.section("workflows").items():
        if not isinstance(body, dict):
            continue
        place = f"workflows.{name}"
        for key in body.keys() - WORKFLOW:
            config.report(place, f"unknown key {key!r}")
        for key in ("when", "unless"):
            _check_when(config, place, body.get(key))
        jobs = invocations(config, name)
        _check_graph(config, place, jobs)
        for job in jobs:
            _check_invocation(config, job)
            contexts.update(_contexts(job))
        approvals.update(job.name for job in jobs if job.is_approval)
    for name, count in approvals.items():
        if count > 1:
            config.report("workflows", f"approval {name!r} stands {count} times")
    if len(contexts) > MAX_CONTEXTS:
        config.report("workflows", f"more than {MAX_CONTEXTS} contexts")


def _contexts(job: Invocation) -> Iterator[str]:
    given = job.details.get("context") or ()
    yield from [given] if isinstance(given, str) else given


def _check_when(config: Config, place: str, when: Any) -> None:
    if isinstance(when, str):
        inner = INTERPOLATION.fullmatch(when.strip())
        check_expression(config, place, inner[1].strip() if inner else when)
    else:
        check_interpolations(config, place, when, {})


def _check_invocation(config: Config, job: Invocation) -> None:
    details = {k: v for k, v in job.details.items() if k not in ("filters", "matrix")}
    check_interpolations(config, job.place, details, {})
    _check_filters(config, job)
    _check_serial_group(config, job)
    kind = job.details.get("type")
    if kind is not None and kind not in JOB_TYPES:
        config.report(job.place, f"unknown job type {kind!r}")
    if kind in JOB_TYPES:
        return
    declared = _declared(config, job.job)
    if declared is None:
        config.report(job.place, f"undefined job {job.job!r}")
        return
    matrix = (job.details.get("matrix") or {}).get("parameters") or {}
    given = {k: v for k, v in job.details.items() if k not in INVOCATION}
    given |= {name: "<< matrix >>" for name in matrix}
    check_arguments(config, job.place, declared, given)


def _declared(config: Config, job: str) -> dict[str, Any] | None:
    if "/" in job:
        return find_in_orb(config, job, "jobs")
    found = config.section("jobs").get(job)
    return found.get("parameters") or {} if isinstance(found, dict) else None


def _check_filters(config: Config, job: Invocation) -> None:
    filters = job.details.get("filters")
    if isinstance(filters, str):
        check_expression(config, job.place, filters)
    elif isinstance(filters, dict):
        config.report(job.place, "filters as a mapping are deprecated")
        for key in filters.keys() - {"branches", "tags"}:
            config.report(job.place, f"unknown filter {key!r}")


def _check_serial_group(config: Config, job: Invocation) -> None:
    group = job.details.get("serial-group")
    if group is not None:
        filled = INTERPOLATION.sub("x", str(group))
        if not SERIAL_GROUP.fullmatch(filled):
            config.report(job.place, f"bad characters in serial-group {group!r}")


def _check_graph(config: Config, place: str, jobs: list[Invocation]) -> None:
    """Check names, requirements, and that nothing waits for itself."""
    names = Counter(job.name.lower() for job in jobs)
    for name, count in names.items():
        if count > 1:
            config.report(place, f"two jobs are called {name!r}")
    waits = {job.name: set(job.requires) for job in jobs}
    for job in jobs:
        for name, statuses in job.requires.items():
            if name not in waits:
                config.report(job.place, f"requires {name!r}, which is not there")
            for status in statuses - STATUSES:
                config.report(job.place, f"unknown status {status!r}")
        if job.is_approval and not any(job.name in other for other in waits.values()):
            config.report(job.place, "nothing waits for this approval")
    _check_cycles(config, place, waits)


def _check_cycles(config: Config, place: str, waits: dict[str, set[str]]) -> None:
    """Take away jobs that can run until the rest can only wait for each other."""
    left = dict(waits)
    while ready := [name for name in left if not left[name] & left.keys()]:
        for name in ready:
            del left[name]
    if left:
        config.report(place, f"these jobs wait for each other: {sorted(left)}")
