"""Predictions of an endpoint, and their comparison with those recorded at training."""

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from lifecycle.aws import client, error_message
from lifecycle.errors import DataError, EndpointError, StorageError
from lifecycle.s3 import json_bytes, read_bytes, read_checked, write_bytes

if TYPE_CHECKING:
    import pandas as pd

# Features by position, or raw records by name.
Rows = Sequence[Sequence[float]] | Sequence[Mapping[str, Any]]
# Of a row: a number, or of a multiclass model the probability of each class.
Prediction = float | list[float]

CSV, JSON = "text/csv", "application/json"
# Bytes of a request: below the 4 MB of a serverless endpoint; with instances it is 6.
MAX_PAYLOAD = 3_500_000
# The largest relative difference between an endpoint's prediction and the recorded one.
TOLERANCE = 1e-4


class Body(NamedTuple):
    """What a request sends."""

    text: str
    content_type: str
    rows: int


@dataclass(frozen=True, kw_only=True)
class Golden:
    """Rows, and what the model predicted for them when it was trained.

    They are features, or the raw records of a model that takes these. `columns` are
    the features' names, in the order of training; none if a notebook gave none.
    `classes` are the names of what each number of a multiclass model's prediction is
    the probability of.
    """

    rows: Rows
    predictions: Sequence[Prediction]
    columns: Sequence[str] = ()
    classes: Sequence[str] = ()


def invoke(endpoint: str, rows: Rows, variant: str = "") -> list[Prediction]:
    """Return an endpoint's prediction for each row, in as many requests as needed.

    That of a multiclass model is a list, the probability of each class.

    Args:
        variant: the production variant to ask; by their weights if empty.

    Raises:
        EndpointError: the endpoint refuses a request or does not answer.
    """
    found: list[Prediction] = []
    for body in payloads(rows):
        answer = _invoke(endpoint, body, variant)
        try:
            found += read_predictions(answer, body.rows)
        except ValueError as error:
            raise EndpointError(
                f"{endpoint}: answers what is no CSV; {error}"
            ) from error
    return found


def read_predictions(answer: str, count: int) -> list[Prediction]:
    """Read the answer of a container to rows in CSV.

    A line is a row's prediction, of several numbers for a multiclass model. Older
    images answer in one line, with each row's list in brackets.

    Args:
        count: of the rows, which tells one line of many rows from one row.

    Raises:
        ValueError: it holds what is no number.
    """
    lists = re.findall(r"\[([^\]]*)\]", answer)
    lines = lists or answer.split("\n")
    rows = [re.findall(r"[^,\s]+", line) for line in lines if line.strip()]
    if not lists and len(rows) == 1 != count:
        rows = [[cell] for cell in rows[0]]
    numbers = [[float(cell) for cell in row] for row in rows]
    return [row if lists or len(row) > 1 else row[0] for row in numbers]


def record_golden(
    uri: str,
    rows: Rows,
    predictions: Sequence[Any],
    columns: Sequence[str] = (),
    classes: Sequence[str] = (),
) -> str:
    """Write rows and their predictions to S3, for verification.

    Args:
        predictions: numbers; of a multiclass model a sequence of them for each row.
        columns: the names of the features, in the order of training.
        classes: those of the numbers of a prediction.

    Returns:
        The sha256 of what was written.

    Raises:
        DataError: there are none, their numbers differ, or one is not finite.
    """
    kept = [_kept(row) for row in rows]
    values = [_plain(value) for value in predictions]
    if problem := _golden_problem(kept, values, classes):
        raise DataError(f"golden records: {problem}; pass test rows to `register`")
    names = [str(name) for name in columns]
    named = {"classes": list(classes)} if classes else {}
    content = json_bytes(
        {"columns": names, "rows": kept, "predictions": values, **named}
    )
    write_bytes(uri, content)
    return hashlib.sha256(content).hexdigest()


def read_golden(model: str, metadata: Mapping[str, str]) -> Golden | None:
    """Read the golden records that a package's metadata names, if it names any.

    Raises:
        IntegrityError: they are not those that the package was registered with.
        StorageError: they are missing, or they are no golden records.
    """
    uri = metadata.get("golden")
    if not uri:
        return None
    remedy = f"train {model} again, it records these"
    if "golden_sha256" in metadata:
        content = read_checked(uri, metadata["golden_sha256"], remedy=remedy)
    else:
        # Of an older package, which no deploy takes.
        content = read_bytes(uri, remedy=remedy)
    return parse_golden(uri, content)


def read_classes(model: str, metadata: Mapping[str, str]) -> list[str]:
    """Return the names of what a package's predictions are the probabilities of.

    Args:
        metadata: of the package, which names its golden records.

    Returns:
        None of them for a package that is no multiclass model.
    """
    golden = read_golden(model, metadata)
    return list(golden.classes) if golden else []


def answer_table(truth: Any, prediction: Any, classes: Sequence[str]) -> "pd.DataFrame":
    """Return what an endpoint has answered beside the truth, classes by their names.

    Args:
        prediction: one value per row; of a multiclass model, rows x classes.
        classes: the names of these.
    """
    import numpy as np
    import pandas as pd

    if not classes:
        return pd.DataFrame({"truth": truth, "prediction": prediction})
    names = np.array(classes, dtype=object)
    known, answers = np.asarray(truth).astype(int), np.asarray(prediction)
    named = {"truth": names[known], "prediction": names[answers.argmax(axis=1)]}
    chances = {f"probability of {one}": answers[:, n] for n, one in enumerate(names)}
    return pd.DataFrame(named | chances)


def check_golden(endpoint: str, golden: Golden, variant: str = "") -> None:
    """Check that an endpoint predicts what was recorded at training.

    Raises:
        EndpointError: it does not answer, or a prediction differs.
    """
    compare_with_golden(endpoint, invoke(endpoint, golden.rows, variant), golden)


def compare_with_golden(
    source: str, predictions: Sequence[Prediction], golden: Golden
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
        if not _is_close(prediction, recorded):
            raise EndpointError(
                f"{source}: predicts {_text(prediction)} for golden row {row}, where "
                f"training recorded {_text(recorded)}"
            )


def parse_golden(uri: str, content: bytes) -> Golden:
    """Read golden records as `record_golden` has written them.

    Raises:
        StorageError: they are no golden records.
    """
    try:
        kept = json.loads(content)
        rows, predictions = kept["rows"], kept["predictions"]
        columns = [str(name) for name in kept.get("columns", ())]
        classes = [str(name) for name in kept.get("classes", ())]
        problem = _golden_problem(rows, predictions, classes)
        read: Any = [_read(row) for row in rows]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageError(f"{uri}: no golden records, {error}; train again") from error
    if problem:
        raise StorageError(f"{uri}: no golden records, {problem}; train again")
    values = [_plain(value) for value in predictions]
    return Golden(rows=read, predictions=values, columns=columns, classes=classes)


def payloads(rows: Rows) -> Iterator[Body]:
    """Yield bodies of requests: features in CSV, raw records as a list in JSON.

    They are split at the size limit of a request.
    """
    lines: list[str] = []
    size, kind = 0, CSV
    for row in rows:
        kind = JSON if isinstance(row, Mapping) else CSV
        line = _line(row)
        length = len(line.encode()) + 1
        if lines and size + length > MAX_PAYLOAD:
            yield _body(lines, kind)
            lines, size = [], 0
        lines.append(line)
        size += length
    if lines:
        yield _body(lines, kind)


def _is_close(one: Prediction, other: Prediction) -> bool:
    first, second = _numbers(one), _numbers(other)
    return len(first) == len(second) and all(
        math.isclose(*pair, rel_tol=TOLERANCE, abs_tol=1e-6)
        for pair in zip(first, second, strict=True)
    )


def _numbers(prediction: Any) -> list[Any]:
    return prediction if isinstance(prediction, list) else [prediction]


def _plain(prediction: Any) -> Prediction:
    """Return a prediction as JSON has it, also one of NumPy's."""
    if hasattr(prediction, "__len__"):
        return [float(one) for one in prediction]
    return float(prediction)


def _text(prediction: Prediction) -> str:
    return ", ".join(f"{one:.6g}" for one in _numbers(prediction))


def _golden_problem(
    rows: Sequence[Any], predictions: Sequence[Any], classes: Sequence[str]
) -> str:
    """Say why nothing can be verified by golden records; "" if something can."""
    if not rows:
        return "there are no rows"
    if len(rows) != len(predictions):
        return f"there are {len(predictions)} predictions for {len(rows)} rows"
    numbers = [one for value in predictions for one in _numbers(value)]
    if not all(map(math.isfinite, numbers)):
        return "a prediction is not finite"
    odd = {len(_numbers(value)) for value in predictions} - {len(classes)}
    if classes and odd:
        return f"a prediction has {odd.pop()} numbers for {len(classes)} classes"
    return ""


def _kept(row: Any) -> Any:
    """Return a row as JSON has it: None where a feature is missing."""
    if isinstance(row, Mapping):
        return dict(row)
    return [None if math.isnan(cell) else float(cell) for cell in row]


def _read(row: Any) -> Any:
    if isinstance(row, Mapping):
        return dict(row)
    return [math.nan if cell is None else float(cell) for cell in row]


def _line(row: Any) -> str:
    if isinstance(row, Mapping):
        return json.dumps(row, ensure_ascii=False, allow_nan=False)
    return ",".join("" if math.isnan(cell) else repr(float(cell)) for cell in row)


def _body(lines: Sequence[str], kind: str) -> Body:
    text = f"[{','.join(lines)}]" if kind == JSON else "\n".join(lines)
    return Body(text, kind, len(lines))


def _invoke(endpoint: str, body: Body, variant: str) -> str:
    from botocore.exceptions import BotoCoreError, ClientError

    target: dict[str, Any] = {"TargetVariant": variant} if variant else {}

    try:
        response = client("sagemaker-runtime").invoke_endpoint(
            EndpointName=endpoint,
            ContentType=body.content_type,
            Accept=CSV,
            Body=body.text.encode(),
            **target,
        )
        return response["Body"].read().decode()
    except ClientError as error:
        message = error_message(error)
        raise EndpointError(f"{endpoint}: refuses to answer; {message}") from error
    except BotoCoreError as error:
        raise EndpointError(f"{endpoint}: does not answer; {error}") from error
