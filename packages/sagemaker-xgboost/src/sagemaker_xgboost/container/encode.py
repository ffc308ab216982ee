"""Predictions as the body of an answer."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from sagemaker_xgboost.container.content_types import parse_header
from sagemaker_xgboost.container.inference_output import Selected
from sagemaker_xgboost.container.recordio import write_frame, write_record
from sagemaker_xgboost.container.response import Refusal, Response, text_response

CSV = "text/csv"
JSON = "application/json"
JSONLINES = "application/jsonlines"
RECORDIO = "application/x-recordio-protobuf"
ACCEPTED = [JSON, JSONLINES, RECORDIO, CSV]


def parse_accept(accept: str | None, environment: Mapping[str, str]) -> str:
    """Name the format that the caller accepts, or refuse it."""
    value, _ = parse_header(accept or "")
    if value in ("", "*/*"):
        return environment.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", CSV)
    if value.lower() not in ACCEPTED:
        raise Refusal(
            HTTPStatus.NOT_ACCEPTABLE,
            f"Accept type {value} is not supported. "
            f"Please use supported accept types: {ACCEPTED}.",
        )
    return value.lower()


def encode_predictions(predictions: Any, accept: str) -> Response:
    """Write plain predictions, one for each row."""
    rows = predictions.tolist()
    if accept == CSV:
        lines = [
            ",".join(map(str, row if isinstance(row, list) else [row])) for row in rows
        ]
        return text_response("".join(f"{line}\n" for line in lines), mimetype=CSV)
    if accept == JSON:
        scored = {"predictions": [{"score": row} for row in rows]}
        return text_response(json.dumps(scored), mimetype=JSON)
    raise Refusal(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        f"Content type {accept} is not supported by this framework.",
    )


def encode_selected(
    rows: Sequence[Selected], keys: Sequence[str], accept: str, *, batch: bool
) -> Response:
    """Write the selected answers, one for each row."""
    if accept == JSON:
        return text_response(json.dumps({"predictions": list(rows)}), mimetype=JSON)
    if accept == JSONLINES:
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        return text_response(lines, mimetype=JSONLINES)
    if accept == RECORDIO:
        return Response(
            status=int(HTTPStatus.OK),
            headers={"Content-Type": RECORDIO},
            body=b"".join(map(encode_record, rows)),
        )
    if accept == CSV:
        text = "\n".join(encode_line(row, keys) for row in rows)
        return text_response(text + "\n" * batch, mimetype=CSV)
    raise Refusal(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        f"Cannot encode selected predictions into accept type '{accept}'.",
    )


def encode_line(row: Selected, keys: Sequence[str]) -> str:
    """Write one row as CSV, its lists in quotes."""
    cells = [row[key] for key in keys]
    return ",".join(
        f'"{cell}"' if isinstance(cell, list) else str(cell) for cell in cells
    )


def encode_record(row: Selected) -> bytes:
    """Write one row as a framed record."""
    labels = {
        key: value if isinstance(value, list) else [value] for key, value in row.items()
    }
    return write_frame(write_record(labels))
