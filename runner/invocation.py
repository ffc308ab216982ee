"""Asking an endpoint for predictions, and checking them against recorded ones."""

import math
from collections.abc import Iterator, Sequence

from runner.errors import EndpointError
from runner.package import Package
from runner.session import client
from runner.storage import read_json, write_json

Rows = Sequence[Sequence[float]]

# Below the 4 MB of a serverless endpoint; one on instances takes 6.
MAX_PAYLOAD = 3_500_000
TOLERANCE = 1e-4


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


def check_golden(name: str, package: Package) -> None:
    """Compare what an endpoint predicts with what training recorded."""
    uri = package.metadata.get("golden")
    if not uri:
        return
    golden = read_json(uri, remedy=f"train {package.model} again, it records these")
    rows = [[math.nan if c is None else c for c in row] for row in golden["rows"]]
    predictions = invoke(name, rows)
    expected = golden["predictions"]
    if len(predictions) != len(expected):
        raise EndpointError(
            f"{name}: {len(predictions)} predictions for {len(expected)} rows"
        )
    for row, (got, wanted) in enumerate(zip(predictions, expected, strict=True)):
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
    from botocore.exceptions import ClientError

    try:
        answer = client("sagemaker-runtime").invoke_endpoint(
            EndpointName=name, ContentType="text/csv", Accept="text/csv", Body=payload
        )
    except ClientError as error:
        message = error.response["Error"].get("Message", "")
        raise EndpointError(f"{name}: does not answer; {message}") from error
    return answer["Body"].read().decode()
