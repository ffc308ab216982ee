"""Tables in S3: raw data checked on its way in, splits written the way XGBoost reads.

SageMaker's built-in XGBoost takes CSV with the label first, no header and no index.
"""

import hashlib
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from runner.errors import DataError
from runner.session import run_uri
from runner.storage import read_bytes, read_json, write_bytes, write_json
from runner.summary import summarise

if TYPE_CHECKING:
    import pandas as pd

# Half of it validates, half of it tests.
HELD_OUT = 0.30


def read_table(
    uri: str, columns: Sequence[str], *, header: bool = True
) -> "pd.DataFrame":
    """Read raw CSV and insist on its columns, by name or, without header, by number."""
    content = read_bytes(uri, remedy="check `data` in model.yaml")
    table = _parsed(uri, content, header=header)
    if not header:
        return _named(table, columns, uri, "restore the file or change the notebook")
    if missing := [name for name in columns if name not in table]:
        raise DataError(
            f"{uri}: column {', '.join(map(repr, missing))} is missing, it has "
            f"{', '.join(map(str, table))}; restore the file or change the notebook"
        )
    return table[list(columns)]


def split(table: "pd.DataFrame", strata: Any, seed: int) -> "dict[str, pd.DataFrame]":
    """Split a table by a seed, with each stratum as common in every part."""
    from sklearn.model_selection import train_test_split

    strata = list(strata)
    held_out = round(HELD_OUT * len(table))
    train, rest, _, groups = train_test_split(
        table, strata, test_size=held_out, random_state=seed, stratify=strata
    )
    validation, test = train_test_split(
        rest, test_size=held_out // 2, random_state=seed, stratify=groups
    )
    return {"train": train, "validation": validation, "test": test}


def write_splits(
    model: str, run_id: str, splits: "dict[str, pd.DataFrame]"
) -> dict[str, Any]:
    """Write each split under the run's prefix, and say what the next stage needs."""
    digest = hashlib.sha256()
    written: dict[str, Any] = {}
    for name, table in splits.items():
        content = table.to_csv(header=False, index=False).encode()
        digest.update(content)
        uri = run_uri(model, run_id, name, f"{name}.csv")
        written[name] = write_bytes(uri, content, content_type="text/csv")
    written["rows"] = {name: len(table) for name, table in splits.items()}
    written["columns"] = list(splits["train"])
    written["data_sha256"] = digest.hexdigest()
    write_json(_prepared_uri(model, run_id), written)
    summary = run_uri(model, run_id, "evidence", "data-summary.json")
    write_json(summary, summarise(splits["train"]))
    return written


def find_prepared(model: str, run_id: str, **given: Any) -> dict[str, Any]:
    """Find what this run's `prepare` wrote; what is given comes from there already."""
    if all(given.values()):
        return given
    remedy = f"run this model's prepare notebook first, with run_id {run_id!r}"
    prepared: dict[str, Any] = read_json(_prepared_uri(model, run_id), remedy=remedy)
    return prepared | {name: value for name, value in given.items() if value}


def read_split(uri: str, columns: Sequence[str] = ()) -> "pd.DataFrame":
    """Read a split that `write_splits` wrote, with its columns named or numbered."""
    content = read_bytes(uri, remedy="prepare the data again")
    table = _parsed(uri, content, header=False)
    if not columns:
        return table
    return _named(table, columns, uri, "prepare the data again")


def _parsed(uri: str, content: bytes, *, header: bool) -> "pd.DataFrame":
    import pandas as pd

    try:
        return pd.read_csv(io.BytesIO(content), header=0 if header else None)
    except ValueError as error:
        raise DataError(f"{uri}: not CSV, {error}") from error


def _named(
    table: "pd.DataFrame", columns: Sequence[str], uri: str, remedy: str
) -> "pd.DataFrame":
    """Name the columns of a file without header, which must have as many."""
    if table.shape[1] != len(columns):
        raise DataError(
            f"{uri}: has {table.shape[1]} columns, not {len(columns)} "
            f"({', '.join(columns)}); {remedy}"
        )
    return table.set_axis(list(columns), axis=1)


def _prepared_uri(model: str, run_id: str) -> str:
    return run_uri(model, run_id, "evidence", "prepared.json")
