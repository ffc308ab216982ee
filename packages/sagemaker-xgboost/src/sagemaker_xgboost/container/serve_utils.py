"""One request of the model server: its body decoded, its predictions encoded."""

import csv
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import numpy as np
import xgboost
from scipy.sparse import csr_matrix

from sagemaker_xgboost import ENGINE_VERSION, IMAGE_VERSIONS, LEGACY_TAGS
from sagemaker_xgboost.container.data_utils import (
    CSV,
    LIBSVM,
    Matrix,
    get_content_type,
    parse_header,
)
from sagemaker_xgboost.exceptions import UserError, hide_paths

CSV_TYPE = "text/csv"
JSON_TYPE = "application/json"
# Those that the image accepts; the second and the third it then fails to write.
ACCEPTED = [
    JSON_TYPE,
    "application/jsonlines",
    "application/x-recordio-protobuf",
    CSV_TYPE,
]

SNIFFED_CHARACTERS = 512

# How numpy 2 writes a text in its errors, where numpy 1 writes it plainly.
NUMPY_TEXT = re.compile(r"np\.str_\((.*)\)")

# All that a malformed body makes numpy, csv and xgboost raise.
DECODE_ERRORS = (ValueError, LookupError, ArithmeticError, TypeError, csv.Error)


@dataclass(frozen=True, kw_only=True)
class Response:
    """One HTTP response."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, kw_only=True)
class ServingRules:
    """Say in what the versions of the image differ when they answer a request.

    Attributes:
        shifts_libsvm: a request whose smallest libsvm index is 1 or more is taken as
            one that counts from 1.
        joins_rows: the answer is always one line of CSV, whatever is accepted.
        has_ensembles: every file of the archive is a model that predicts.
        has_numpy_2: errors quote a text as numpy 2 does.
    """

    shifts_libsvm: bool
    joins_rows: bool
    has_ensembles: bool
    has_numpy_2: bool

    @classmethod
    def of(cls, version: str) -> "ServingRules":
        """Return the rules of one version of the image, for instance `1.7-1`.

        They are read from the branch of aws/sagemaker-xgboost-container that each
        version was built from. The first image, of which no source is public, is taken
        to answer as 0.90-1.
        """
        order = [*LEGACY_TAGS, *IMAGE_VERSIONS]
        number = order.index(version)
        return cls(
            shifts_libsvm=number >= order.index("3.2-0"),
            joins_rows=number < order.index("1.2-2"),
            has_ensembles=number >= order.index("1.2-2"),
            has_numpy_2=number >= order.index("3.0-5"),
        )


ENGINE_RULES = ServingRules.of(ENGINE_VERSION)


class RequestError(Exception):
    """End a request with a status and a text."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status

    def response(self) -> Response:
        """Return the text as a response."""
        return text_response(str(self), self.status)


def text_response(
    text: str, status: int = HTTPStatus.OK, mimetype: str = "text/html"
) -> Response:
    """Return a text as a response, in the encoding that its header names."""
    charset = "; charset=utf-8" if mimetype.startswith("text/") else ""
    headers = {"Content-Type": mimetype + charset}
    return Response(status=int(status), headers=headers, body=text.encode())


def too_large_response() -> Response:
    """Return the page that the image's web framework writes for a body too large."""
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    title = "Request Entity Too Large"
    text = "The data value transmitted exceeds the capacity limit."
    page = (
        f"<!doctype html>\n<html lang=en>\n<title>{int(status)} {title}</title>\n"
        f"<h1>{title}</h1>\n<p>{text}</p>\n"
    )
    return text_response(page, status)


def parse_content_data(
    body: bytes, content_type: str | None, rules: ServingRules = ENGINE_RULES
) -> Matrix:
    """Decode the body of a request; raise RequestError 415 if that is not possible."""
    try:
        kind = get_content_type(content_type)
    except UserError as error:
        raise unsupported_media(str(error)) from error
    if kind not in DECODERS:
        raise unsupported_media(f"Content-type {content_type} is not supported.")
    try:
        return DECODERS[kind](body, rules)
    except DECODE_ERRORS as error:
        reason = str(error)
        if not rules.has_numpy_2:
            reason = NUMPY_TEXT.sub(r"\1", reason)
        raise unsupported_media(
            f"Loading {kind} data failed with Exception, please ensure data is in "
            f"{kind} format:\n {type(error)}\n {reason}"
        ) from error


def unsupported_media(text: str) -> RequestError:
    """Make the error for a body that cannot be decoded."""
    return RequestError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, hide_paths(text))


def decode_csv(body: bytes, rules: ServingRules) -> Matrix:
    """Decode rows without header and label; the delimiter is guessed."""
    lines = body.strip().decode("utf-8").split("\n")
    delimiter = csv.Sniffer().sniff(lines[0][:SNIFFED_CHARACTERS]).delimiter
    if delimiter.isalnum():
        delimiter = ","
    rows = [[cell or "nan" for cell in line.split(delimiter)] for line in lines]
    return xgboost.DMatrix(np.array(rows).astype(float))


def decode_libsvm(body: bytes, rules: ServingRules) -> Matrix:
    """Decode rows of `index:value`; what a row does not name is missing, not 0.

    As in the image, rows at the end that name nothing are left out, and values of one
    row that have the same index are added up.
    """
    lines = body.strip().decode("utf-8").split("\n")
    pairs = [
        (row, item.split(":")[0], item.split(":")[1])
        for row, line in enumerate(lines)
        for item in line.split(" ")
        if ":" in item
    ]
    rows = np.array([row for row, _, _ in pairs])
    columns: Any = np.array([int(index) for _, index, _ in pairs], dtype=np.int64)
    # If no row has index 0, image 3.2-0 takes all indices to start at 1: a request that
    # happens to lack feature 0 is shifted by one column.
    if rules.shifts_libsvm and len(columns) and columns.min() >= 1:
        columns = columns - 1
    values = np.array([value for _, _, value in pairs]).astype(float)
    return xgboost.DMatrix(csr_matrix((values, (rows, columns))))


DECODERS: Mapping[str, Callable[[bytes, ServingRules], Matrix]] = {
    CSV: decode_csv,
    LIBSVM: decode_libsvm,
}


def parse_accept(accept: str | None, environment: Mapping[str, str]) -> str:
    """Return the type of the response; raise RequestError 406 for an unknown one."""
    value, _ = parse_header(accept or "")
    if value in ("", "*/*"):
        return environment.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", CSV_TYPE)
    if value.lower() not in ACCEPTED:
        raise RequestError(
            HTTPStatus.NOT_ACCEPTABLE,
            f"Accept type {value} is not supported. "
            f"Please use supported accept types: {ACCEPTED}.",
        )
    return value.lower()


def join_predictions(predictions: Any, *, batch: bool = False) -> Response:
    """Encode predictions as the images up to 1.2-1 do: as one line, without an end."""
    texts = map(str, predictions.tolist())
    text = "\n".join(texts) + "\n" if batch else ",".join(texts)
    return text_response(text, mimetype=CSV_TYPE)


def encode_predictions(
    predictions: Any, accept: str, *, batch: bool = False
) -> Response:
    """Encode predictions as CSV or JSON; raise RequestError 500 for other types.

    `batch` is for batch transform, where the image writes one Python value per line,
    whatever the type.
    """
    rows = predictions.tolist()
    if batch:
        return text_response("\n".join(map(str, rows)) + "\n", mimetype=accept)
    if accept == CSV_TYPE:
        lines = [
            ",".join(map(str, row if isinstance(row, list) else [row])) for row in rows
        ]
        return text_response("".join(f"{line}\n" for line in lines), mimetype=CSV_TYPE)
    if accept == JSON_TYPE:
        scored = {"predictions": [{"score": row} for row in rows]}
        return text_response(json.dumps(scored), mimetype=JSON_TYPE)
    raise RequestError(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        f"Content type {accept} is not supported by this framework.",
    )
