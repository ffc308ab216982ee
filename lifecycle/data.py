"""Tables in S3: raw data is read, split, checked, and written as XGBoost reads it.

SageMaker's built-in XGBoost takes CSV with the label first, no header and no index.
"""

import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lifecycle.aws import Run, run_id_of, run_uri
from lifecycle.errors import DataError, did_you_mean, list_names
from lifecycle.gates import check_class_gates
from lifecycle.raw.raw_table import check_raw, rows_of, write_raw
from lifecycle.raw_files import raw_uri, read_files
from lifecycle.s3 import (
    find_json,
    json_bytes,
    keep_object,
    newest_object,
    read_bytes,
    read_checked,
    read_json,
    write_bytes,
    write_json,
)
from lifecycle.statistics.task_metrics import TASKS
from lifecycle.tabular.contract import check_splits
from lifecycle.tabular.csv_cells import exact_floats
from lifecycle.tabular.csv_format import CsvFormat
from lifecycle.tabular.csv_text import refuse_duplicates
from lifecycle.tabular.labels import class_names, name_classes
from lifecycle.tabular.membership import HASHES, row_hashes
from lifecycle.tabular.tables import parse_table

if TYPE_CHECKING:
    import pandas as pd

    from lifecycle.raw.raw_records import Record, Transform

# A column with at most this many different values is summarised value by value.
MAX_VALUES = 20
# What the prepare stage returned, in the evidence of its run.
PREPARED = "prepared.json"
# Which rows of the raw table the test rows are, with what else names or groups them.
DETAILS = "test-details.json"
# Where a run keeps its splits.
SPLIT_URI = re.compile(r"(?P<run>.+)/(?P<part>train|validation|test)/(?P=part)\.csv")
# The splits that are read after the training only if their model is live: then its
# successor is compared on other rows. A deploy shows the test rows.
ONLY_TRAINED_ON = ("train", "validation")
# The column of the details that has a row's index in the table that was split.
ROW = "row"
PERCENTILES = [place / 100 for place in range(101)]


def read_table(
    data: str,
    columns: Sequence[str] = (),
    *,
    model: str = "",
    header: bool = True,
    text: Sequence[str] = (),
    separator: str = ",",
    decimal: str = "",
    thousands: str = "",
    encoding: str = "utf-8",
    missing: str = "",
) -> "pd.DataFrame":
    """Read a table from S3: a CSV or Parquet file, or all files below a folder.

    Args:
        data: as in model.yaml: a file that `runner upload` put into the project's
            bucket, or an S3 URI.
        columns: the columns to return, all by default; without a header, the names of
            all columns.
        model: whose file it is, if it is no URI.
        header: whether the first line names the columns.
        text: columns that stay text, as codes with leading zeros.
        separator: what stands between cells, as ";".
        decimal: the decimal mark, as ","; by default a point, where nothing else could
            be meant.
        thousands: what groups the digits of large numbers, as ",".
        encoding: for instance "latin-1".
        missing: a word that stands for missing cells, as "NA"; empty ones always are.

    Raises:
        DataError: it is no such table, or columns are missing.
        StorageError: it is not there; the message says what is.
    """
    uri = raw_uri(model, data)
    written = CsvFormat(
        separator=separator,
        decimal=decimal,
        thousands=thousands,
        encoding=encoding,
        missing=missing,
    )
    files = read_files(uri, model if uri != data else "")
    if not header:
        if unknown := [name for name in text if name not in columns]:
            hint = did_you_mean(unknown[0], list(columns))
            raise DataError(f"{uri}: text={unknown[0]!r} is no column of it; {hint}")
        # The columns of the file are numbered.
        places = [list(columns).index(name) for name in text]
        return _name_columns(
            parse_table(files, written, header=False, text=places),
            columns,
            uri,
            "restore the file or change the notebook",
        )
    table = parse_table(files, written, text=text)
    if absent := [name for name in columns if name not in table]:
        raise DataError(
            f"{uri}: column {', '.join(map(repr, absent))} is missing, it has "
            f"{list_names(table)}; restore the file or change the notebook"
        )
    return table[list(columns)] if columns else table


def split(
    table: "pd.DataFrame", *, held_out: float, key: Any = None, salt: str = ""
) -> "dict[str, pd.DataFrame]":
    """Split a table into train, validation and test; every row stays in its part.

    A hash of the row, or of its key, decides. So more rows move no other row, and rows
    with the same key are in the same part. Each group, as of a label, is about as
    common in every part, as it would be by drawing.

    Args:
        held_out: the share of rows that do not train; half validates, half tests.
        key: what a row is recognised by: the name of a column, or values or a table
            with as many rows, as the raw rows; by default all columns of the row.
        salt: another salt draws other parts.

    Raises:
        DataError: a part would be empty, or the key has another number of rows.
    """
    import pandas as pd

    keys = pd.DataFrame(
        table if key is None else table[key] if isinstance(key, str) else key
    )
    if len(keys) != len(table):
        raise DataError(f"split: {len(keys)} keys for {len(table)} rows")
    place = row_hashes(keys, salt) / HASHES
    parts = {
        "train": table[place >= held_out],
        "validation": table[(place < held_out) & (place >= held_out / 2)],
        "test": table[place < held_out / 2],
    }
    if empty := [name for name, rows in parts.items() if rows.empty]:
        raise DataError(
            f"split: none of {len(table)} rows is in {' or '.join(empty)}; take more "
            "rows, or another `salt` or `held_out`"
        )
    return parts


def split_in_time(
    table: "pd.DataFrame", *, by: Any, held_out: float
) -> "dict[str, pd.DataFrame]":
    """Split a table by time: the oldest rows train, the newest test.

    Rows of the same time are in the same part.

    Args:
        by: one time per row.
        held_out: the share of rows that do not train; the older half validates.

    Raises:
        DataError: a row has no time.
    """
    import pandas as pd

    times = pd.Series(list(by), index=table.index)
    if times.isna().any():
        raise DataError(
            f"{times.isna().sum()} rows have no time to split by; leave them out"
        )
    ordered = times.sort_values(ignore_index=True)
    # A part begins where the time changes.
    first, second = (
        ordered.iloc[min(round((1 - share) * len(ordered)), len(ordered) - 1)]
        for share in (held_out, held_out / 2)
    )
    return {
        "train": table[times < first],
        "validation": table[(times >= first) & (times < second)],
        "test": table[times >= second],
    }


def write_splits(
    model: str,
    run: Run,
    splits: "Mapping[str, pd.DataFrame]",
    *,
    label: str = "",
    details: "pd.DataFrame | None" = None,
    classes: Sequence[object] = (),
    raw: "pd.DataFrame | None" = None,
    transform: "Transform | None" = None,
) -> dict[str, Any]:
    """Check each split, and write it as CSV below the run's prefix.

    Args:
        label: the column to predict, which is written first; by default that of
            model.yaml, else the first column.
        details: columns that are no features, of the table that was split: a review
            names its rows by them, and `slices` of model.yaml may group by them. They
            are kept for the test rows only, beside the run's evidence.
        classes: of a multiclass model the names of the labels 0, 1, 2, ...; by default
            these numbers.
        raw: the records that clients will send, of the table that was split: without
            the label.
        transform: of the model's features.py, makes features of them; the splits are
            what it returns, here and at the endpoint.

    Returns:
        By split its URI, `rows` by split, `columns`, `label`, `classes`, `data_sha256`,
        `test_sha256`, `details` (a URI), with raw records `raw`, and as `notes` what a
        reader should know of the rows: the results of a prepare notebook.

    Raises:
        DataError: XGBoost would read the rows otherwise than they are meant, or they
            are not what `transform` makes of the raw records, one by one.
        GateError: model.yaml has a gate on a class that there is not.
    """
    label, task = label or str(run.get("label") or ""), str(run.get("task") or "")
    hyperparameters = run.get("hyperparameters") or {}
    names = name_classes(classes, hyperparameters)
    if names and task and task != "multiclass":
        raise DataError(
            f"classes: {TASKS[task]} has none; remove them, or give task: multiclass"
        )
    checked, notes = check_splits(
        splits,
        label=label,
        task=task or ("multiclass" if names else ""),
        hyperparameters=hyperparameters,
        classes=names,
    )
    if task == "multiclass":
        names = names or class_names({}, checked["train"].iloc[:, 0])
        check_class_gates(run.get("gates") or {}, names)
    handed_on = check_raw(checked, raw, transform)
    digest = hashlib.sha256()
    written = _write_rows(model, run, checked, digest)
    if handed_on:
        digest.update(json_bytes(handed_on.kinds) + handed_on.code)
        written["raw"] = write_raw(run_uri(model, run, "evidence"), handed_on)
    written["rows"] = {name: len(table) for name, table in checked.items()}
    written["columns"] = list(checked["train"])
    written["label"] = written["columns"][0]
    if names:
        written["classes"] = names
    written["data_sha256"] = digest.hexdigest()
    written["notes"] = notes
    uri = run_uri(model, run, "evidence", DETAILS)
    named = _details_of(splits["test"], details)
    content = named.to_json(orient="split", date_format="iso").encode()
    written["details"] = write_bytes(uri, content, content_type="application/json")
    write_json(_prepared_uri(model, run), written)
    summary = run_uri(model, run, "evidence", "data-summary.json")
    write_json(summary, summarise(checked["train"]))
    return written


def read_raw(prepared: Mapping[str, Any]) -> "list[Record] | None":
    """Return the raw records of the test rows, in their order; None without any.

    Args:
        prepared: as `load_prepared` returns it.

    Raises:
        IntegrityError: they are not those that prepare has written.
    """
    if not (raw := prepared.get("raw")):
        return None
    content = read_checked(
        str(raw["test"]),
        str(raw["test_sha256"]),
        known="prepared was",
        remedy="prepare the data again",
    )
    return [json.loads(line) for line in content.splitlines()]


def read_test(test: str) -> "tuple[pd.Series[Any], list[Any]]":
    """Return the label of each test row, and what an endpoint is asked for it.

    That is its raw record if the model takes raw records, else its features.

    Args:
        test: the URI of the split.
    """
    rows = read_split(test)
    uri = evidence_of(test, PREPARED)
    raw = read_raw(find_json(uri) or {}) if uri else None
    features = rows.drop(columns=0).to_numpy().tolist()
    return rows[0], features if raw is None else raw


def read_details(prepared: Mapping[str, Any], count: int) -> "pd.DataFrame":
    """Return what names each test row: `row`, its index, and the details.

    Args:
        prepared: as `load_prepared` returns it.
        count: of test rows, which are numbered if `write_splits` did not name them.
    """
    import pandas as pd

    if uri := prepared.get("details"):
        found = read_json(str(uri), remedy="prepare the data again")
        return pd.DataFrame(found["data"], columns=found["columns"])
    return pd.DataFrame({ROW: range(count)})


def load_prepared(model: str, run: Run) -> dict[str, Any]:
    """Return the results of the run's prepare stage: as `write_splits` returns them.

    Where the runner did not fill them in, they are read from S3.
    """
    if prepared := run.get("prepare"):
        return dict(prepared)
    remedy = f"run this model's prepare notebook first, with run_id {run_id_of(run)!r}"
    found: dict[str, Any] = read_json(_prepared_uri(model, run), remedy=remedy)
    return found


def evidence_of(split: str, name: str) -> str:
    """Return the URI of a file in the evidence of the run that wrote a split.

    Args:
        split: the URI of one, as `write_splits` returns it.

    Returns:
        "" if `write_splits` did not write it.
    """
    found = SPLIT_URI.fullmatch(split)
    return f"{found['run']}/evidence/{name}" if found else ""


def keep_rows(test: str) -> None:
    """Keep the rows that a model was trained on, which else may expire.

    Args:
        test: the URI of its test split.

    Raises:
        StorageError: their tags may not be removed.
    """
    if found := SPLIT_URI.fullmatch(test):
        for name in ONLY_TRAINED_ON:
            # A pattern would name files of this repository: content of each model.
            keep_object("/".join((found["run"], name, f"{name}.csv")))


def find_prepared(model: str) -> dict[str, Any] | None:
    """Return the results of the prepare stage that ran last; None if none has."""
    uri = newest_object(run_uri(model, ""), PREPARED)
    found: dict[str, Any] | None = read_json(uri) if uri else None
    return found


def read_split(uri: str, columns: Sequence[str] = ()) -> "pd.DataFrame":
    """Read a split that `write_splits` wrote; without names, columns are numbered."""
    import pandas as pd

    content = read_bytes(uri, remedy="prepare the data again")
    try:
        table: pd.DataFrame = pd.read_csv(
            io.BytesIO(content), header=None, **exact_floats()
        )
    except ValueError as error:
        raise DataError(f"{uri}: not CSV, {error}; prepare the data again") from error
    if not columns:
        return table
    return _name_columns(table, columns, uri, "prepare the data again")


def summarise(table: "pd.DataFrame") -> dict[str, Any]:
    """Summarise every column as plain JSON values, to compare a later table with.

    Returns:
        `rows`, and by column `missing` (share), `mean`, `std`, and either `values`
        (value and count, if there are few) or `percentiles` (0 to 100).
    """
    columns = {
        str(name): _summarise_column(table.iloc[:, place])
        for place, name in enumerate(table)
    }
    return {"rows": len(table), "columns": columns}


def _summarise_column(values: "pd.Series[Any]") -> dict[str, Any]:
    import numpy as np
    import pandas as pd

    numbers = pd.to_numeric(values, errors="coerce").replace([np.inf, -np.inf], np.nan)
    known = numbers.dropna().astype(float)
    missing = 1 - len(known) / len(values) if len(values) else 0.0
    summary: dict[str, Any] = {"missing": missing}
    if known.empty:
        return summary | {"mean": None, "std": None, "values": []}
    summary |= {"mean": float(known.mean()), "std": float(known.std(ddof=0))}
    if known.nunique() > MAX_VALUES:
        return summary | {"percentiles": known.quantile(PERCENTILES).tolist()}
    counts = Counter(known.tolist())
    return summary | {"values": [list(one) for one in sorted(counts.items())]}


def _write_rows(
    model: str,
    run: Run,
    splits: "Mapping[str, pd.DataFrame]",
    digest: "hashlib._Hash",
) -> dict[str, Any]:
    """Write each split as CSV; return its URI by split, and `test_sha256`.

    Args:
        digest: takes the content of all splits.
    """
    written: dict[str, Any] = {}
    for name, table in splits.items():
        content = table.to_csv(header=False, index=False).encode()
        digest.update(content)
        if name == "test":
            written["test_sha256"] = hashlib.sha256(content).hexdigest()
        uri = run_uri(model, run, name, f"{name}.csv")
        written[name] = write_bytes(
            uri, content, content_type="text/csv", may_expire=name in ONLY_TRAINED_ON
        )
    return written


def _details_of(test: "pd.DataFrame", details: "pd.DataFrame | None") -> "pd.DataFrame":
    """Return what names the test rows: their index, and the columns of the details.

    Raises:
        DataError: the details are of another table.
    """
    import pandas as pd

    named = pd.DataFrame({ROW: _plain(pd.Series(test.index.to_numpy()))})
    if details is None:
        return named
    found = rows_of("details", details, test.index)
    refuse_duplicates("details", list(details))
    columns = found.rename(columns=str).reset_index(drop=True)
    return named.join(columns.drop(columns=ROW, errors="ignore").apply(_plain))


def _plain(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return what JSON has no word for, as periods and bytes, as its text."""
    import pandas as pd
    from pandas.api import types

    kind = values.dtype
    if types.is_numeric_dtype(kind) and not types.is_complex_dtype(kind):
        return values
    if types.is_datetime64_any_dtype(kind) or isinstance(kind, pd.StringDtype):
        return values
    return values.map(
        lambda one: one if one is None or one != one else str(one)  # noqa: PLR0124
    )


def _name_columns(
    table: "pd.DataFrame", columns: Sequence[str], uri: str, remedy: str
) -> "pd.DataFrame":
    """Name the columns of a file without header, which must have as many."""
    if table.shape[1] != len(columns):
        raise DataError(
            f"{uri}: has {table.shape[1]} columns, not {len(columns)} "
            f"({', '.join(columns)}); {remedy}"
        )
    return table.set_axis(list(columns), axis=1)


def _prepared_uri(model: str, run: Run) -> str:
    return run_uri(model, run, "evidence", PREPARED)
