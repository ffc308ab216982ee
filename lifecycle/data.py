"""Tables in S3: raw data read and checked, splits written as XGBoost reads them.

SageMaker's built-in XGBoost takes CSV with the label first, no header and no index.
"""

import hashlib
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lifecycle.aws import Run, run_id_of, run_uri
from lifecycle.errors import DataError
from lifecycle.s3 import find_newest, read_bytes, read_json, write_bytes, write_json

if TYPE_CHECKING:
    import pandas as pd

# A column with at most this many different values is summarised value by value.
MAX_VALUES = 20
# What the prepare stage returned, in the evidence of its run.
PREPARED = "prepared.json"
PERCENTILES = [place / 100 for place in range(101)]


def read_table(
    uri: str, columns: Sequence[str], *, header: bool = True
) -> "pd.DataFrame":
    """Read a CSV file with the given columns.

    Args:
        columns: the columns to return; without a header, the names of all columns.
        header: whether the first line names the columns.

    Raises:
        DataError: it is not CSV, or columns are missing.
        StorageError: it is not there.
    """
    content = read_bytes(uri, remedy="check `data` in model.yaml")
    table = _parse_csv(uri, content, header=header)
    if not header:
        return _name_columns(
            table, columns, uri, "restore the file or change the notebook"
        )
    if missing := [name for name in columns if name not in table]:
        raise DataError(
            f"{uri}: column {', '.join(map(repr, missing))} is missing, it has "
            f"{', '.join(map(str, table))}; restore the file or change the notebook"
        )
    return table[list(columns)]


def split(
    table: "pd.DataFrame", *, stratify: Any, seed: int, held_out: float
) -> "dict[str, pd.DataFrame]":
    """Split a table at random into train, validation and test.

    Args:
        stratify: one value per row; each is as common in every part.
        seed: the same seed draws the same rows.
        held_out: the share of rows that do not train; half validates, half tests.
    """
    from sklearn.model_selection import train_test_split

    strata = list(stratify)
    count = round(held_out * len(table))
    train, rest, _, groups = train_test_split(
        table, strata, test_size=count, random_state=seed, stratify=strata
    )
    validation, test = train_test_split(
        rest, test_size=count // 2, random_state=seed, stratify=groups
    )
    return {"train": train, "validation": validation, "test": test}


def write_splits(
    model: str, run: Run, splits: "Mapping[str, pd.DataFrame]"
) -> dict[str, Any]:
    """Write each split as CSV below the run's prefix.

    Returns:
        By split its URI, `rows` by split, `columns` and `data_sha256`: the results of
        a prepare notebook.
    """
    digest = hashlib.sha256()
    written: dict[str, Any] = {}
    for name, table in splits.items():
        content = table.to_csv(header=False, index=False).encode()
        digest.update(content)
        uri = run_uri(model, run, name, f"{name}.csv")
        written[name] = write_bytes(uri, content, content_type="text/csv")
    written["rows"] = {name: len(table) for name, table in splits.items()}
    written["columns"] = list(splits["train"])
    written["data_sha256"] = digest.hexdigest()
    write_json(_prepared_uri(model, run), written)
    summary = run_uri(model, run, "evidence", "data-summary.json")
    write_json(summary, summarise(splits["train"]))
    return written


def load_prepared(model: str, run: Run) -> dict[str, Any]:
    """Return the results of the run's prepare stage: as `write_splits` returns them.

    Where the runner did not fill them in, they are read from S3.
    """
    if prepared := run.get("prepare"):
        return dict(prepared)
    remedy = f"run this model's prepare notebook first, with run_id {run_id_of(run)!r}"
    found: dict[str, Any] = read_json(_prepared_uri(model, run), remedy=remedy)
    return found


def find_prepared(model: str) -> dict[str, Any] | None:
    """Return the results of the prepare stage that ran last; None if none has."""
    uri = find_newest(run_uri(model, ""), PREPARED)
    found: dict[str, Any] | None = read_json(uri) if uri else None
    return found


def read_split(uri: str, columns: Sequence[str] = ()) -> "pd.DataFrame":
    """Read a split that `write_splits` wrote; without names, columns are numbered."""
    content = read_bytes(uri, remedy="prepare the data again")
    table = _parse_csv(uri, content, header=False)
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


def _parse_csv(uri: str, content: bytes, *, header: bool) -> "pd.DataFrame":
    import pandas as pd

    try:
        return pd.read_csv(io.BytesIO(content), header=0 if header else None)
    except ValueError as error:
        raise DataError(f"{uri}: not CSV, {error}") from error


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
