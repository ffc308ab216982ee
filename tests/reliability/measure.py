"""Carry a row out, and note what the document says of it."""

import re
from dataclasses import dataclass
from pathlib import Path

from embedded_aws.faults import CALLS
from embedded_aws.process import EmbeddedAWS

from reliability.case import Case
from reliability.rows import Row
from reliability.watch import Watch, watching

LINES = 3
FAILURES = ("failed: ", "error: ", "stopped: ")
TABLE = re.compile(r"model +gated metrics")
# What differs from one run to the next.
VARYING = (
    (r"\d{14}-[0-9a-f]{6}(-\d{14})?", "RUN"),
    (r"(-v\d+)-[0-9a-f]{8}\b", r"\1-…"),
    (r"/runs/[0-9a-f]{8}/", "/runs/RUN/"),
    (r"\([0-9a-f]{12}\)", "(…)"),
    (r"\d+\.\d+ s\b|after \d+ s", "… s"),
    (r"http://127\.0\.0\.1:\d+", "AWS"),
    (r"\S*/(build/\S+)", r"\1"),
    (r"s3://sagemaker-[a-z0-9-]+", "s3://BUCKET"),
    (r"arn:aws:sagemaker:[a-z0-9-]+:\d+:", "arn:"),
    (r"\b[0-9a-f]{12}\b", "…"),
)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What became of one row."""

    name: str
    command: str
    code: int
    message: str
    before: str
    after: str
    served: tuple[str, ...]
    left: str
    evidence: str
    again: int
    finally_live: str


def measure(row: Row, number: int, aws: EmbeddedAWS, folder: Path) -> Measured:
    """Break, look, mend, and run the same command again."""
    model = f"r{number:02}"
    case = Case(model=model, root=folder / model, aws=aws)
    try:
        case.begin(is_live=row.is_live)
        row.prepare(case)
        with watching(aws, model) as watch:
            return carried_out(row, case, watch)
    finally:
        case.end()


def carried_out(row: Row, case: Case, watch: Watch) -> Measured:
    """Measure one row while somebody uses the endpoint."""
    before, case.known = case.live(), case.configs()
    ended = row.breaks(case, row.command)
    # Who looks is not to be refused.
    case.mend(CALLS)
    after, left, evidence = case.live(), case.left(), case.evidence()
    row.mend(case)
    case.mend()
    again = case.run(*row.command)
    verified = "verified" if case.is_verified() else "not verified"
    assert again.code == 0, f"the same command fails again:\n{again.said}"
    return Measured(
        name=row.name,
        command=" ".join(("runner", row.command[0], "toy", *row.command[1:])),
        code=ended.code,
        message=message(ended.said, case.model, str(case.root)),
        before=before,
        after=after,
        served=tuple(watch.served),
        left=", ".join(left).replace(case.model, "toy") or "nothing",
        evidence=" and ".join(evidence),
        again=again.code,
        finally_live=f"{case.live()}, {verified}",
    )


def message(said: str, model: str, root: str) -> str:
    """Find what the command said of the failure, or of its success, at the end."""
    lines = [line.removeprefix(model).strip() for line in said.splitlines()]
    table = next((n for n, line in enumerate(lines) if TABLE.match(line)), len(lines))
    lines = [line for line in lines[:table] if line]
    starts = [n for n, line in enumerate(lines) if line.startswith(FAILURES)]
    chosen = lines[starts[0] :] if starts else lines[-1:]
    # What follows is the container's log.
    ends = [n for n, line in enumerate(chosen) if line.endswith("last words:")]
    text = "\n".join(chosen[: ends[0] if ends else None][:LINES])
    for pattern, instead in VARYING:
        text = re.sub(pattern, instead, text.replace(root, ""))
    return re.sub(rf"\b{model}\b", "toy", text)
