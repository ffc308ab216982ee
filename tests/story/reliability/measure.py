"""Carry a row out while a client uses the endpoint, and note what happens."""

import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import clones
import pytest
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
)
from embedded_aws import stop
from embedded_aws.faults import CALLS
from embedded_aws.process import RunningAWS
from embedded_aws.sharing import share
from story.reliability.case import Case
from story.reliability.rows import Row

# For this row version 1 predicts about 2.0, version 2 twice that.
FEATURES = "2.0,1.0"
BY_PREDICTION = {2: "version 1", 4: "version 2"}
PAUSE_SECONDS = 0.1
# What answers while the embedded AWS of a row is gone.
NO_AWS = "no AWS"

LINES = 3
FAILURES = ("failed: ", "error: ", "stopped; ")
TABLE = re.compile(r"model +gated metrics")
# What differs from one run to the next.
VARYING = (
    (r"\d{14}-[0-9a-f]{6}(-\d{14})?", "RUN"),
    (r"(-v\d+)-[0-9a-f]{8}\b", r"\1-…"),
    (r"/runs/[0-9a-f]{8}/", "/runs/RUN/"),
    (r"\([0-9a-f]{12}\)", "(…)"),
    (r"\d+\.\d+ s\b|after \d+ s", "… s"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "…"),
    (r"http://127\.0\.0\.1:\d+", "AWS"),
    (r"--port \d+", "--port PORT"),
    (r"\S*/(build/\S+)", r"\1"),
    (r"s3://sagemaker-[a-z0-9-]+", "s3://BUCKET"),
    (r"arn:aws:sagemaker:[a-z0-9-]+:\d+:", "arn:"),
    (r"\b[0-9a-f]{12}\b", "…"),
)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a row came to."""

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


def measure_alone(row: Row, model: str, folder: Path) -> Measured:
    """Measure a row with an embedded AWS of its own, which it may end."""
    kept = folder / f"aws-of-{model}"
    with share(kept) as aws, pytest.MonkeyPatch.context() as patch, ExitStack() as more:
        for name, value in aws.environment.items():
            patch.setenv(name, value)
        found = measure(row, model, aws, folder, aws_folder=kept, aws_kept=more)
    stop(kept)
    return found


def measure(
    row: Row, model: str, aws: RunningAWS, folder: Path, **own: Any
) -> Measured:
    """Break something, run the command, mend it, and run the command again."""
    case = Case(model=model, root=folder / model, aws=aws, **own)
    try:
        case.begin(is_live=row.is_live)
        row.prepare(case)
        with client_at_work(aws, model) as watch:
            return carry_out(row, case, watch)
    finally:
        case.end()


def carry_out(row: Row, case: Case, watch: "Watch") -> Measured:
    """Measure one row while a client uses the endpoint."""
    before, case.known = case.live(), case.configs()
    ended = row.breaks(case, row.command)
    # The calls that look at what is left must not be refused, too.
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
    ends = [
        n for n, line in enumerate(chosen) if line.endswith("lines of the container:")
    ]
    text = "\n".join(chosen[: ends[0] if ends else None][:LINES])
    for pattern, instead in VARYING:
        text = re.sub(pattern, instead, text.replace(root, ""))
    return re.sub(rf"\b{model}\b", "toy", text)


@dataclass(kw_only=True)
class Watch:
    """What the endpoint has answered so far."""

    answers: list[str] = field(default_factory=list)

    @property
    def served(self) -> list[str]:
        """List what was served, in its order, without repetitions."""
        return [name for name, _ in groupby(self.answers)]


@contextmanager
def client_at_work(aws: RunningAWS, model: str) -> Iterator[Watch]:
    """Ask the endpoint for predictions all the time; no request is repeated."""
    watch, over = Watch(), threading.Event()
    thread = threading.Thread(target=ask, args=(aws, model, watch, over), daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join(30)


def ask(aws: RunningAWS, model: str, watch: Watch, over: threading.Event) -> None:
    """Note which version answers, or that none does."""
    once = Config(retries={"total_max_attempts": 1})
    runtime = clones.connect(aws, "sagemaker-runtime", once)
    while not over.wait(PAUSE_SECONDS):
        try:
            answer = runtime.invoke_endpoint(
                EndpointName=model, ContentType="text/csv", Body=FEATURES
            )
            number = round(float(answer["Body"].read()))
            watch.answers.append(BY_PREDICTION.get(number, f"a wrong answer: {number}"))
        except ClientError as error:
            gone = "not found" in str(error)
            watch.answers.append("nothing" if gone else f"an error: {error}")
        except (EndpointConnectionError, ConnectionClosedError):
            watch.answers.append(NO_AWS)
        except BotoCoreError as error:
            watch.answers.append(f"an error: {error}")
