"""Raw records of a request: read, made features, and answered.

It runs in notebooks and, packed beside the model, at the endpoint. So it needs pandas
alone, of the image's version. The answer for a record depends on no other record: cells
have the type of their column in training, whatever else a request holds.
"""

import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    Transform = Callable[[pd.DataFrame], pd.DataFrame]

JSON, JSON_LINES, CSV = "application/json", "application/jsonlines", "text/csv"
READ, WRITTEN = (JSON, JSON_LINES, CSV), (CSV, JSON, JSON_LINES)
# What a column held in training: whole numbers, other ones, true and false, or text.
INTEGER, NUMBER, BOOLEAN, TEXT = "integer", "number", "boolean", "text"
NOUNS = {INTEGER: "a number", NUMBER: "a number", BOOLEAN: "true or false"}
# Whole numbers beyond these are no longer told apart by their features.
LARGEST = 1 << 63
WORDS = {"true": True, "false": False}
# By a key of this name, records may come in an object.
INSTANCES = "instances"
MAX_SHOWN = 60

# By name, what a raw column held in training.
Kinds = Mapping[str, str]
Record = Mapping[str, Any]


class RequestError(ValueError):
    """Say in one line why a request is not answered; `status` is that of HTTP."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def read_request(body: str | bytes, content_type: str, kinds: Kinds) -> list[Record]:
    """Return the records of a request, each with a cell for every column.

    Args:
        content_type: JSON (a record, a list of them, or {"instances": [...]}), JSON
            lines, or CSV: with a line of names, or with all cells in their order.

    Raises:
        RequestError: there is none, a column is unknown, or a cell is of another kind.
    """
    kind = content_type.partition(";")[0].strip().lower() or JSON
    if kind not in READ:
        raise RequestError(f"{kind}: not supported; send {', '.join(READ)}", 415)
    try:
        text = body if isinstance(body, str) else body.decode()
    except UnicodeDecodeError as error:
        raise RequestError(f"not UTF-8: {error}") from error
    if "\ufffd" in text:
        # What the image's server puts where it could not decode.
        raise RequestError("not UTF-8: a byte could not be decoded")
    text = text.removeprefix("\ufeff")
    if kind == CSV:
        found = list(_csv_records(text, kinds))
    else:
        found = _json_records(text, kinds, lines=kind == JSON_LINES)
    if not found:
        raise RequestError("no records; send at least one")
    return [_checked(place, one, kinds) for place, one in enumerate(found)]


def make_features(
    transform: "Transform",
    records: Sequence[Record],
    kinds: Kinds,
    features: Sequence[str],
) -> "pd.DataFrame":
    """Return the features of records, a row each, in the order of training.

    Args:
        features: their names.

    Raises:
        RequestError: `transform` fails, or does not return these features.
    """
    import pandas as pd

    made = pd.DataFrame(math.nan, index=range(len(records)), columns=list(features))
    for places, table in _tables(records, kinds):
        found = _transformed(transform, table)
        given = [str(name) for name in found.columns]
        if given != list(features):
            raise RequestError(f"features.py: {_difference(given, features)}", 500)
        if len(found) != len(places):
            raise RequestError(
                f"features.py: {len(found)} rows for {len(places)} records", 500
            )
        made.iloc[places] = _numbers(found)
    return made


def answer_text(
    predictions: Any, accept: str, classes: Sequence[str] = ()
) -> tuple[str, str]:
    """Return predictions as text, and its content type.

    In CSV a line holds the number, or the numbers, of a record. In JSON it is `score`,
    null where the model predicts none; with names of classes also the most probable
    one, `label`, and `probabilities`.

    Args:
        predictions: a number, or several, by record.
        accept: what the client takes, as in HTTP.

    Raises:
        RequestError: it takes nothing of that.
    """
    import numpy as np

    kind = _accepted(accept)
    rows = np.asarray(predictions, dtype=float)
    if kind == CSV:
        table = rows.reshape(len(rows), -1).tolist()
        return "".join(",".join(map(repr, row)) + "\n" for row in table), kind
    found = [_scored(row, classes) for row in rows.tolist()]
    if kind == JSON_LINES:
        return "".join(f"{json.dumps(one)}\n" for one in found), kind
    return json.dumps({"predictions": found}), kind


def _accepted(accept: str) -> str:
    wanted = [one.partition(";")[0].strip().lower() for one in accept.split(",")]
    for one in wanted:
        if one in WRITTEN:
            return one
        if one in ("", "*/*", "application/*"):
            return JSON
        if one == "text/*":
            return CSV
    raise RequestError(f"{accept}: not supported; accept {', '.join(WRITTEN)}", 406)


def _scored(score: Any, classes: Sequence[str]) -> dict[str, Any]:
    """Return what JSON says of one prediction."""
    if not isinstance(score, list):
        if not math.isfinite(score):
            return {"score": None}
        # Of a model that predicts classes by number.
        named = score.is_integer() and 0 <= score < len(classes)
        return {"score": score} | ({"label": classes[int(score)]} if named else {})
    if len(score) != len(classes):
        return {"score": score}
    best = max(range(len(score)), key=score.__getitem__)
    by_name = dict(zip(classes, score, strict=True))
    return {"score": score, "label": classes[best], "probabilities": by_name}


def _csv_records(text: str, kinds: Kinds) -> Iterator[Record]:
    """Yield records of text: a first line with a column's name names the columns."""
    try:
        lines = [one for one in csv.reader(io.StringIO(text), strict=True) if one]
    except csv.Error as error:
        raise RequestError(f"not CSV: {error}") from error
    names = list(kinds)
    first = [one.strip() for one in lines[0]] if lines else []
    if any(one in kinds for one in first):
        names, lines = first, lines[1:]
        _check_names("the first line", names, kinds)
    for place, cells in enumerate(lines):
        if len(cells) != len(names):
            raise RequestError(
                f"record {place}: {len(cells)} cells for {len(names)} columns; send "
                f"{', '.join(names)}"
            )
        pairs = zip(names, cells, strict=True)
        yield {name: _parsed(place, name, one, kinds[name]) for name, one in pairs}


def _check_names(where: str, names: Sequence[str], kinds: Kinds) -> None:
    for name in names:
        if name not in kinds:
            raise RequestError(_unknown(where, name, kinds))
        if names.count(name) > 1:
            raise RequestError(f"{where}: column {name!r} stands twice")


def _unknown(where: str, name: str, kinds: Kinds) -> str:
    known = ", ".join(kinds)
    return f"{where}: {_shown(name)} is no column of the records; they have {known}"


def _parsed(place: int, name: str, cell: str, kind: str) -> Any:
    """Return what a cell of CSV says; an empty one is missing."""
    if kind == TEXT:
        return cell or None
    text = cell.strip()
    if not text:
        return None
    if kind == BOOLEAN:
        return WORDS.get(text.lower(), text)
    try:
        # Python's own numbers may have underscores.
        return _number(text) if "_" not in text else text
    except ValueError:
        return text


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _json_records(text: str, kinds: Kinds, *, lines: bool) -> list[Record]:
    parts = text.split("\n") if lines else [text]
    values: list[Any] = []
    for number, part in enumerate(parts, 1):
        if part.strip():
            where = f"line {number}" if lines else "the body"
            values.append(_json_value(where, part))
    if lines or not values:
        return values
    value = values[0]
    if isinstance(value, dict) and INSTANCES in value and INSTANCES not in kinds:
        if len(value) > 1:
            other = next(name for name in value if name != INSTANCES)
            raise RequestError(f"{_shown(other)} beside {INSTANCES!r}; send that alone")
        value = value[INSTANCES]
        if not isinstance(value, list):
            raise RequestError(f"{INSTANCES!r} is no list of records")
    return value if isinstance(value, list) else [value]


def _json_value(where: str, text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except RequestError:
        raise
    except (ValueError, RecursionError) as error:
        raise RequestError(f"{where} is not JSON: {error}") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RequestError(f"{_shown(twice)} stands twice in a record")
    return found


def _checked(place: int, record: Any, kinds: Kinds) -> Record:
    """Return a record with a cell for every column: None where it is missing."""
    where = f"record {place}"
    if not isinstance(record, Mapping):
        example = json.dumps(dict.fromkeys(list(kinds)[:1]))
        raise RequestError(f"{where}: {_shown(record)} is no object as {example}")
    for name in record:
        if name not in kinds:
            raise RequestError(_unknown(where, name, kinds))
    return {
        name: _cell(where, name, record.get(name), kind) for name, kind in kinds.items()
    }


def _cell(where: str, name: str, value: Any, kind: str) -> Any:
    """Return a cell as its column has it."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if kind in (TEXT, BOOLEAN):
        if isinstance(value, str if kind == TEXT else bool):
            return value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if isinstance(value, float) and math.isinf(value):
            raise RequestError(f"{where}: {name!r} is infinite")
        if abs(value) >= LARGEST and isinstance(value, int):
            raise RequestError(f"{where}: {name!r} is too large, {_shown(value)}")
        if kind == INTEGER and float(value).is_integer():
            return int(value)
        return float(value)
    raise RequestError(
        f"{where}: {name!r} is {_shown(value)}, not {NOUNS.get(kind, 'text')}"
    )


def _tables(
    records: Sequence[Record], kinds: Kinds
) -> "Iterator[tuple[list[int], pd.DataFrame]]":
    """Yield tables of the records whose cells are of the same types, with their places.

    Otherwise whole numbers would have a point as soon as one of a request is missing.
    """
    import pandas as pd

    exact = [name for name, kind in kinds.items() if kind in (INTEGER, BOOLEAN)]
    groups: dict[tuple[type, ...], list[int]] = {}
    for place, record in enumerate(records):
        groups.setdefault(tuple(type(record[n]) for n in exact), []).append(place)
    for types, places in groups.items():
        held = dict(zip(exact, types, strict=True))
        columns = {
            name: _series([records[at][name] for at in places], kind, held.get(name))
            for name, kind in kinds.items()
        }
        yield places, pd.DataFrame(columns, index=range(len(places)))


def _series(cells: list[Any], kind: str, held: type | None) -> "pd.Series[Any]":
    import pandas as pd

    known = [math.nan if one is None else one for one in cells]
    if kind == TEXT or (kind == BOOLEAN and held is not bool):
        return pd.Series(known, dtype=object)
    if kind == BOOLEAN:
        return pd.Series(known, dtype=bool)
    return pd.Series(known, dtype="int64" if held is int else "float64")


def _transformed(transform: "Transform", table: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    with Running("features.py", refusal=ValueError):
        found = transform(table)
    if not isinstance(found, pd.DataFrame):
        raise RequestError(
            f"features.py: returns {type(found).__name__}, no table", 500
        )
    return found


def _numbers(table: "pd.DataFrame") -> Any:
    try:
        return table.to_numpy(dtype=float, na_value=math.nan)
    except (TypeError, ValueError) as error:
        message = f"features.py: a feature is no number; {error}"
        raise RequestError(message, 500) from error


class Running:
    """Say in one line what a model's own code has raised: a fault of that code."""

    def __init__(self, file: str, refusal: type[Exception] | tuple[()] = ()) -> None:
        """Name the file that runs, and the error by which it refuses a record."""
        self.file = file
        self.refusal = refusal

    def __enter__(self) -> None:
        """Begin to run it."""

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if isinstance(error, Exception):
            refuses = isinstance(error, self.refusal)
            told = str(error) if refuses else f"{type(error).__name__}: {error}"
            status = 400 if refuses else 500
            raise RequestError(f"{self.file}: {_shown(error, told)}", status) from error


def _difference(given: Sequence[str], wanted: Sequence[str]) -> str:
    """Say how the names of features differ from those of training."""
    if missing := [name for name in wanted if name not in given]:
        return f"returns no {missing[0]!r}, which the model was trained on"
    if more := [name for name in given if name not in wanted]:
        return f"returns {more[0]!r}, which the model was not trained on"
    place = next(
        (n for n, (a, b) in enumerate(zip(given, wanted, strict=False)) if a != b), 0
    )
    return f"returns {given[place]!r} where training had {wanted[place]!r}"


def _shown(value: Any, text: str = "") -> str:
    """Return a value of a client on one line of limited length."""
    line = " ".join((text or repr(value)).split())
    return line if len(line) <= MAX_SHOWN else f"{line[:MAX_SHOWN]}..."
