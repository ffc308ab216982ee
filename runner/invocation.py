"""Asking an endpoint for predictions, and checking them against recorded ones."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from runner.errors import EndpointError
from runner.package import Package
from runner.session import client
from runner.storage import read_json, write_json

Rows = Sequence[Sequence[float]]

# Below the 4 MB of a serverless endpoint; one on instances takes 6.
MAX_PAYLOAD = 3_500_000
TOLERANCE = 1e-4


@dataclass(frozen=True, kw_only=True)
class Golden:
    """Rows and what a model predicted for them when it was trained."""

    rows: Rows
    predictions: Sequence[float]


def invoke(name: str, rows: Rows) -> list[float]:
    """Predict one value per row, in as many requests as the payload limit asks for."""
    return [
        float(line)
        for payload in _payloads(rows)
        for line in _answer(name, payload).split()
    ]


def record_golden(uri: str, rows: Rows, predictions: Sequence[float]) -> str:
    """Keep a few rows with their predictions, for every endpoint to be checked by."""
    kept = [[None if math.isnan(cell) else float(cell) for cell in row] for row in rows]
    golden = {"rows": kept, "predictions": [float(value) for value in predictions]}
    return write_json(uri, golden)


def read_golden(package: Package) -> Golden | None:
    """Read what training recorded; a package registered by other means has nothing."""
    uri = package.metadata.get("golden")
    if not uri:
        return None
    kept = read_json(uri, remedy=f"train {package.model} again, it records these")
    rows = [
        [math.nan if cell is None else cell for cell in row] for row in kept["rows"]
    ]
    return Golden(rows=rows, predictions=kept["predictions"])


def check_golden(name: str, golden: Golden) -> None:
    """Compare what an endpoint predicts with what training recorded."""
    compare(name, invoke(name, golden.rows), golden)


def compare(name: str, predictions: Sequence[float], golden: Golden) -> None:
    """Refuse predictions that are not those that training recorded."""
    if len(predictions) != len(golden.rows):
        raise EndpointError(
            f"{name}: {len(predictions)} predictions for {len(golden.rows)} rows"
        )
    pairs = zip(predictions, golden.predictions, strict=True)
    for row, (got, wanted) in enumerate(pairs):
        if not math.isclose(got, wanted, rel_tol=TOLERANCE, abs_tol=1e-6):
            raise EndpointError(
                f"{name}: predicts {got:.6g} for golden row {row}, where training "
                f"recorded {wanted:.6g}"
            )


def _payloads(rows: Rows) -> Iterator[str]:
    lines: list[str] = []
    size = 0
    for row in rows:
        line = ",".join("" if math.isnan(cell) else repr(float(cell)) for cell in row)
        if lines and size + len(line) > MAX_PAYLOAD:
            yield "\n".join(lines)
            lines, size = [], 0
        lines.append(line)
        size += len(line) + 1
    if lines:
        yield "\n".join(lines)


def _answer(name: str, payload: str) -> str:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = client("sagemaker-runtime").invoke_endpoint(
            EndpointName=name, ContentType="text/csv", Accept="text/csv", Body=payload
        )
        return answer["Body"].read().decode()
    except ClientError as error:
        message = error.response["Error"].get("Message", "")
        raise EndpointError(f"{name}: refuses to answer; {message}") from error
    except BotoCoreError as error:
        raise EndpointError(f"{name}: does not answer; {error}") from error
