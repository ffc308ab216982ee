"""Pipelines and the jobs of their workflows, with matrices and job groups expanded."""

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from circleci_simulator.config import (
    DEPRECATED_VALUES,
    PIPELINE_VALUES,
    Config,
    ConfigError,
    fits,
    name_and_details,
)
from circleci_simulator.expressions import Values, fill, shown

MATRIX_VALUE = re.compile(r"<<\s*matrix\.([\w-]+)\s*>>")


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """What a pipeline was triggered with.

    branch, tag: what is checked out; one of them
    parameters: pipeline parameters that a person, a schedule or the API passed
    values: other pipeline values, such as `pipeline.deploy.target_version`
    """

    branch: str | None = None
    tag: str | None = None
    default_branch: str = "main"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """Name what is checked out."""
        return f"tag {self.tag!r}" if self.tag else repr(self.branch)

    def values_in(self, config: Config) -> Values:
        """Return every pipeline value and parameter, None where it is undefined.

        ConfigError: a parameter is not declared, or the value is not of its type.
        """
        known: dict[str, Any] = dict.fromkeys([*PIPELINE_VALUES, *DEPRECATED_VALUES])
        known["pipeline.id"] = "00000000-0000-0000-0000-000000000000"
        known["pipeline.number"] = 1
        known["pipeline.project.slug"] = "gh/organization/project"
        known["pipeline.git.branch"] = self.branch
        known["pipeline.git.tag"] = self.tag
        known["pipeline.git.branch.is_default"] = self.branch == self.default_branch
        known |= self.values
        declared = config.section("parameters")
        if unexpected := sorted(self.parameters.keys() - declared):
            raise ConfigError(f"Unexpected argument(s): {', '.join(unexpected)}")
        for name, one in declared.items():
            value = self.parameters.get(name, one.get("default"))
            if name in self.parameters and not fits(one, value):
                raise ConfigError(f"parameter {name!r}: {value!r} does not fit")
            known[f"pipeline.parameters.{name}"] = value
        return known


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """A job of a workflow.

    job: the name of its definition; of an approval, its own
    alias: what `requires` may call it beside its name
    details: what the workflow says about it
    requires: the names of the jobs it waits for, and the statuses that satisfy it
    filters: conditions that have to hold, each an expression or a mapping
    """

    workflow: str
    job: str
    name: str
    alias: str
    details: dict[str, Any]
    requires: dict[str, set[str]]
    filters: tuple[Any, ...]

    @property
    def place(self) -> str:
        """Name the part of the config that it is in."""
        return f"workflows.{self.workflow}.{self.name}"

    @property
    def type(self) -> str | None:
        """Return the type that the workflow gives it, such as `approval`."""
        found = self.details.get("type")
        return None if found is None else str(found)


def listed(workflow: str, entries: Any) -> list[Invocation]:
    """List the jobs of a workflow or of a job group, each matrix expanded.

    A job that is invoked again without a name of its own gets a number.
    """
    found: list[Invocation] = []
    for entry in entries if isinstance(entries, list) else ():
        job, details = name_and_details(entry)
        details = details if isinstance(details, dict) else {}
        matrix = details.get("matrix")
        if isinstance(matrix, dict):
            found += _matrix(workflow, job, details, matrix)
        else:
            found.append(_invocation(workflow, job, details))
    times = Counter(one.name for one in found)
    numbers = {name: itertools.count(1) for name, count in times.items() if count > 1}
    return [
        replace(one, name=f"{one.name}-{next(numbers[one.name])}")
        if one.name in numbers
        else one
        for one in found
    ]


def _invocation(
    workflow: str, job: str, details: dict[str, Any], alias: str = ""
) -> Invocation:
    requires = {}
    wanted = details.get("requires") or ()
    for entry in [wanted] if isinstance(wanted, str) else wanted:
        name, statuses = name_and_details(entry)
        some = statuses if isinstance(statuses, list) else [statuses or "success"]
        requires[name] = {str(status) for status in some}
    return Invocation(
        workflow=workflow,
        job=job,
        name=str(details.get("name", job)),
        alias=alias or job,
        details=details,
        requires=requires,
        filters=(details["filters"],) if "filters" in details else (),
    )


def _matrix(
    workflow: str, job: str, details: dict[str, Any], matrix: dict[str, Any]
) -> Iterator[Invocation]:
    """Yield a job for every combination of a matrix's arguments."""
    parameters = matrix.get("parameters")
    parameters = parameters if isinstance(parameters, dict) else {}
    lists = [v if isinstance(v, list) else [v] for v in parameters.values()]
    for combination in itertools.product(*lists):
        given = dict(zip(parameters, combination, strict=True))
        if given in (matrix.get("exclude") or ()):
            continue
        name = "-".join([job, *(shown(given[one]) for one in sorted(given))])
        filled = _with_matrix_values({"name": name} | details, given)
        alias = str(matrix.get("alias", job))
        yield _invocation(workflow, job, filled | given, alias)


def _with_matrix_values(node: Any, given: Mapping[str, Any]) -> Any:
    """Replace `<< matrix.x >>` below a node, and nothing else."""
    if isinstance(node, dict):
        return {
            _with_matrix_values(key, given): _with_matrix_values(value, given)
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [_with_matrix_values(value, given) for value in node]
    if not isinstance(node, str):
        return node
    whole = MATRIX_VALUE.fullmatch(node)
    if whole and whole[1] in given:
        return given[whole[1]]
    return MATRIX_VALUE.sub(
        lambda found: shown(given[found[1]]) if found[1] in given else found[0], node
    )


def invocations(
    config: Config, workflow: str, values: Values | None = None
) -> list[Invocation]:
    """List the jobs that a workflow has when it is compiled.

    Matrices and job groups are expanded, and `requires` names every job it means.
    A group becomes its jobs, and after them a no-op job of the group's name, which is
    what others require.

    values: the pipeline values that fill names; without them names stay as written
    """
    found: list[Invocation] = []
    for one in listed(workflow, config.workflows[workflow].get("jobs")):
        if values is not None and "<<" in one.name:
            one = replace(one, name=shown(fill(one.name, values)))
        group = config.section("job-groups").get(one.job)
        found += _group(one, group) if isinstance(group, dict) else [one]
    return [replace(one, requires=dict(_resolved(one, found, values))) for one in found]


def _group(group: Invocation, definition: dict[str, Any]) -> list[Invocation]:
    """Expand a job group: its first jobs wait for what the group waits for."""
    prefix = f"{group.name}-" if "name" in group.details else ""
    members = listed(group.workflow, definition.get("jobs"))
    own = {one.name for one in members} | {one.alias for one in members}
    found = [
        replace(
            one,
            name=prefix + one.name,
            alias=prefix + one.alias,
            requires={
                prefix + name if name in own else name: statuses
                for name, statuses in (one.requires or group.requires).items()
            },
            filters=one.filters + group.filters,
        )
        for one in members
    ]
    required = {name for one in found for name in one.requires}
    leaves = [one.name for one in found if not {one.name, one.alias} & required]
    last = _invocation(group.workflow, group.name, {"type": "no-op"})
    success = {"success"}
    return [
        *found,
        replace(last, requires=dict.fromkeys(leaves, success), filters=group.filters),
    ]


def _resolved(
    one: Invocation, every: list[Invocation], values: Values | None
) -> Iterator[tuple[str, set[str]]]:
    """Yield what an invocation requires, with all that an alias stands for."""
    for name, statuses in one.requires.items():
        name = shown(fill(name, values)) if values is not None else name
        named = [other.name for other in every if other.name == name]
        aliased = [
            other.name for other in every if other.alias == name and other is not one
        ]
        for found in named or aliased or [name]:
            yield found, statuses
