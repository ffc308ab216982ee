"""The body of a request as a matrix to predict on."""

import csv
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import numpy as np
import xgboost

from sagemaker_xgboost.container import content_types as formats
from sagemaker_xgboost.container.content_types import parse_content_type
from sagemaker_xgboost.container.exceptions import UserError
from sagemaker_xgboost.container.logs import library_paths
from sagemaker_xgboost.container.recordio import read_records
from sagemaker_xgboost.container.response import Refusal
from sagemaker_xgboost.container.rows import stack_records

SNIFFED_CHARACTERS = 512

# All that a malformed body makes numpy, csv and xgboost raise.
DECODE_ERRORS = (ValueError, LookupError, ArithmeticError, TypeError, csv.Error)


def decode(body: bytes, content_type: str | None) -> Any:
    """Read a request's body, or refuse its content type or its content."""
    try:
        kind = parse_content_type(content_type)
    except UserError as error:
        raise refusal(str(error)) from error
    if kind not in DECODERS:
        raise refusal(f"Content-type {content_type} is not supported.")
    try:
        return DECODERS[kind](body)
    except DECODE_ERRORS as error:
        raise refusal(describe(kind, error)) from error


def refusal(text: str) -> Refusal:
    """Refuse the body, as all that cannot be read is refused."""
    return Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, library_paths().hide(text))


def describe(kind: str, error: Exception) -> str:
    """Say what is wrong with a body."""
    space = " " if kind == formats.RECORDIO_PROTOBUF else "\n "
    return (
        f"Loading {kind} data failed with Exception, please ensure data is in {kind} "
        f"format:{space}{type(error)}{space}{error}"
    )


def decode_csv(body: bytes) -> Any:
    """Read rows without header and label; the delimiter is guessed."""
    lines = body.strip().decode("utf-8").split("\n")
    delimiter = csv.Sniffer().sniff(lines[0][:SNIFFED_CHARACTERS]).delimiter
    if delimiter.isalnum():
        delimiter = ","
    rows = [[cell or "nan" for cell in line.split(delimiter)] for line in lines]
    return xgboost.DMatrix(np.array(rows).astype(float))


def decode_libsvm(body: bytes) -> Any:
    """Read rows of `index:value`; what a row does not name is 0, not missing."""
    lines = body.strip().decode("utf-8").strip().split("\n")
    rows = [dict(map(read_pair, pairs_of(line))) for line in lines]
    indices = [index for row in rows for index in row]
    if not indices:
        return xgboost.DMatrix(np.empty((0, 0)))
    # Indices that start at 1 anywhere in the request are taken to do so everywhere:
    # a request without feature 0 is moved by one column.
    shift = 1 if min(indices) >= 1 else 0
    data = np.zeros((len(rows), max(indices) - shift + 1))
    for number, row in enumerate(rows):
        for index, value in row.items():
            data[number, index - shift] = value
    return xgboost.DMatrix(data)


def pairs_of(line: str) -> list[str]:
    """Take the features of a line, without its label."""
    return [token for token in line.split() if ":" in token]


def read_pair(token: str) -> tuple[int, float]:
    """Read one `index:value`."""
    index, value = token.split(":", 1)
    return int(index), float(value)


def decode_recordio(body: bytes) -> Any:
    """Read RecordIO records of protobuf; their labels change nothing."""
    features, labels = stack_records(read_records(body))
    return xgboost.DMatrix(features, label=labels)


DECODERS: Mapping[str, Callable[[bytes], Any]] = {
    formats.CSV: decode_csv,
    formats.LIBSVM: decode_libsvm,
    formats.RECORDIO_PROTOBUF: decode_recordio,
}
