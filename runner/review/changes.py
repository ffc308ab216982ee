"""What is different from the live version: settings, dependencies and code."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner.review.code import CellChange, code_changes
from runner.review.evidence import Evidence

# What every run has anew, or what says nothing about the model.
OF_THE_RUN = frozenset(
    """
    run_id fingerprint commit ci_url train validation test columns data_sha256
    model description package version
    """.split()  # noqa: SIM905, a list of names reads better unquoted
)


@dataclass(frozen=True, kw_only=True)
class Change:
    """A value that is not what it was."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class Changes:
    """All that was changed since the live version."""

    settings: Sequence[Change]
    dependencies: Sequence[Change]
    code: Sequence[CellChange]
    known: bool

    def __bool__(self) -> bool:
        return bool(self.settings or self.dependencies or self.code)


def changes(evidence: Evidence) -> Changes:
    """Compare the candidate's source with that of the live version."""
    before = evidence.former.get("source") or {}
    after = evidence.source
    if not before or not after:
        return Changes(settings=(), dependencies=(), code=(), known=False)
    given = {stage: evidence.parameters(stage) for stage in evidence.records}
    known = evidence.former.get("parameters") or {}
    # A stage that did not run on one side would show as a difference.
    both = [stage for stage in given if known.get(stage) is not None]
    settings = _differences(
        _settings(before, [known[stage] for stage in both]),
        _settings(after, [given[stage] for stage in both]),
    )
    return Changes(
        settings=settings,
        dependencies=_differences(before["dependencies"], after["dependencies"]),
        code=code_changes(before["notebooks"], after["notebooks"]),
        known=True,
    )


def _settings(
    source: Mapping[str, Any], given: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Join what model.yaml says with what the stages were really given."""
    values = dict(source["settings"])
    for parameters in given:
        values |= parameters
    kept = {name: one for name, one in values.items() if name not in OF_THE_RUN}
    return dict(_flat(kept))


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """List what differs, in the order of the new side."""
    names = [*after, *(name for name in before if name not in after)]
    return [
        Change(name=name, before=_text(before, name), after=_text(after, name))
        for name in names
        if before.get(name) != after.get(name)
    ]


def _text(values: Mapping[str, Any], name: str) -> str:
    return str(values[name]) if name in values else "-"
