"""Predictions of an endpoint, and their comparison with those recorded at training."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lifecycle.aws import client, error_message
from lifecycle.errors import EndpointError
from lifecycle.s3 import read_json, write_json

Rows = Sequence[Sequence[float]]

# Bytes of a request: below the 4 MB of a serverless endpoint; with instances it is 6.
MAX_PAYLOAD = 3_500_000
# The largest relative difference between an endpoint's prediction and the recorded one.
TOLERANCE = 1e-4


@dataclass(frozen=True, kw_only=True)
class Golden:
    """Feature rows, and what the model predicted for them when it was trained."""

    rows: Rows
    predictions: Sequence[float]


def invoke(endpoint: str, rows: Rows) -> list[float]:
    """Return an endpoint's prediction for each row, in as many requests as needed.

    Raises:
        EndpointError: the endpoint refuses a request or does not answer.
    """
    return [
        float(line)
        for payload in _payloads(rows)
        for line in _invoke(endpoint, payload).split()
    ]


def record_golden(uri: str, rows: Rows, predictions: Sequence[float]) -> str:
    """Write rows and their predictions to S3, for verification; return the URI."""
    kept = [[None if math.isnan(cell) else float(cell) for cell in row] for row in rows]
    golden = {"rows": kept, "predictions": [float(value) for value in predictions]}
    return write_json(uri, golden)


def read_golden(model: str, metadata: Mapping[str, str]) -> Golden | None:
    """Read the golden records that a package's metadata names, if it names any."""
    uri = metadata.get("golden")
    if not uri:
        return None
    kept = read_json(uri, remedy=f"train {model} again, it records these")
    rows = [
        [math.nan if cell is None else cell for cell in row] for row in kept["rows"]
    ]
    return Golden(rows=rows, predictions=kept["predictions"])


def check_golden(endpoint: str, golden: Golden) -> None:
    """Check that an endpoint predicts what was recorded at training.

    Raises:
        EndpointError: it does not answer, or a prediction differs.
    """
    compare_with_golden(endpoint, invoke(endpoint, golden.rows), golden)


def compare_with_golden(
    source: str, predictions: Sequence[float], golden: Golden
) -> None:
    """Check predictions against the recorded ones; `source` names who predicts.

    Raises:
        EndpointError: their number differs, or one is off by more than TOLERANCE.
    """
    if len(predictions) != len(golden.rows):
        raise EndpointError(
            f"{source}: {len(predictions)} predictions for {len(golden.rows)} rows"
        )
    pairs = zip(predictions, golden.predictions, strict=True)
    for row, (prediction, recorded) in enumerate(pairs):
        if not math.isclose(prediction, recorded, rel_tol=TOLERANCE, abs_tol=1e-6):
            raise EndpointError(
                f"{source}: predicts {prediction:.6g} for golden row {row}, where "
                f"training recorded {recorded:.6g}"
            )


def _payloads(rows: Rows) -> Iterator[str]:
    """Write rows as CSV, split at the size limit of a request."""
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


def _invoke(endpoint: str, payload: str) -> str:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        response = client("sagemaker-runtime").invoke_endpoint(
            EndpointName=endpoint,
            ContentType="text/csv",
            Accept="text/csv",
            Body=payload,
        )
        return response["Body"].read().decode()
    except ClientError as error:
        message = error_message(error)
        raise EndpointError(f"{endpoint}: refuses to answer; {message}") from error
    except BotoCoreError as error:
        raise EndpointError(f"{endpoint}: does not answer; {error}") from error
