"""Raw files: where a model's raw data lies, which version it is, and what it holds.

Raw data is a file, or a folder of files: in the project's bucket, where `runner upload`
puts it, or at any S3 URI.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lifecycle.aws import bucket
from lifecycle.errors import (
    ConfigurationError,
    DataError,
    MissingObjectError,
    StorageError,
    list_names,
)
from lifecycle.s3 import (
    StoredFile,
    etag,
    list_files,
    list_folders,
    list_objects,
    parse_uri,
    read_bytes,
    upload_file,
)
from lifecycle.tabular.csv_format import CsvFormat, detect_format
from lifecycle.tabular.tables import TableFile, check_file, parse_table

if TYPE_CHECKING:
    import pandas as pd

# The folder of a model's raw data in the project's bucket.
RAW = "raw"


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file in the bucket, whether it was sent just now, and how it is written."""

    uri: str
    is_new: bool
    written: CsvFormat


def read_local(
    path: Path, written: CsvFormat | None = None, text: Sequence[str] = ()
) -> "tuple[pd.DataFrame, CsvFormat]":
    """Read a table of this machine as `read_table` reads it from S3.

    Args:
        written: how it is written; by default what it looks like.
        text: columns that stay text.

    Returns:
        The table, and how it is written.

    Raises:
        DataError: a file is missing, or is no such table.
    """
    try:
        files = [
            TableFile(name=str(one), content=one.read_bytes())
            for one in _list_tables(path)
        ]
    except OSError as error:
        raise DataError(
            f"{error.filename}: {error.strerror}; let it be read"
        ) from error
    if written is None:
        formats = [detect_format(one.content) for one in files]
        written = next((one for one in formats if one.arguments()), CsvFormat())
    return parse_table(files, written, text=text), written


def upload_raw(
    model: str, path: Path, *, on_bytes: Callable[[int], object] = lambda _: None
) -> list[Upload]:
    """Put a table, or a folder of tables, where `data:` of a model looks for it.

    Args:
        on_bytes: is called with the number of bytes that were sent since the last call.

    Raises:
        DataError: a file is missing, empty, or no table.
        StorageError: the bucket refuses it.
    """
    written = {one: check_file(one) for one in _list_tables(path)}
    uploads = []
    for one, how in written.items():
        uri = raw_uri(model, one.relative_to(path.parent).as_posix())
        is_new = upload_file(one, uri, on_bytes=on_bytes)
        uploads.append(Upload(uri=uri, is_new=is_new, written=how))
    return uploads


def raw_uri(model: str, data: str) -> str:
    """Return the S3 URI of raw data, which model.yaml may name by its file alone.

    Raises:
        DataError: it is no URI, and the model is not known.
    """
    if "://" in data:
        return data
    if not model:
        raise DataError(
            f"{data!r}: is in the bucket below the model's name; read_table(data, ..., "
            "model=model)"
        )
    return f"s3://{bucket()}/{model}/{RAW}/{data}"


def data_version(model: str, data: str) -> str:
    """Identify raw data without reading it; "" if it is missing."""
    uri = raw_uri(model, data)
    try:
        if not uri.endswith("/") and (found := etag(uri)):
            return found
        files = _table_files(list_objects(uri))
    except (StorageError, ConfigurationError):
        return ""
    listed = sorted((one.key, one.etag) for one in files)
    return hashlib.sha256(repr(listed).encode()).hexdigest() if listed else ""


def read_files(uri: str, model: str) -> list[TableFile]:
    """Read the object at a URI, or all that are below it.

    Args:
        model: whose raw data it is, for the remedy.
    """
    remedy = f"put it there: runner upload {model} FILE" if model else ""
    remedy = remedy or "check `data` in model.yaml"
    if not uri.endswith("/"):
        try:
            return [TableFile(name=uri, content=read_bytes(uri, remedy=remedy))]
        except MissingObjectError:
            if not (files := _table_files(list_objects(uri))):
                raise MissingObjectError(_missing(uri, remedy)) from None
    elif not (files := _table_files(list_objects(uri))):
        raise MissingObjectError(_missing(uri, remedy))
    bucket_name = parse_uri(uri).bucket
    names = [f"s3://{bucket_name}/{one.key}" for one in files]
    for name in names:
        if "=" in name.removeprefix(uri).strip("/").rpartition("/")[0]:
            raise DataError(
                f"{name}: is in a folder that stands for a column, which would be "
                "lost; write the column into the files"
            )
    return [TableFile(name=one, content=read_bytes(one)) for one in names]


def _list_tables(path: Path) -> list[Path]:
    """Return a file, or the files of a folder, without what tools write beside them.

    Raises:
        DataError: there is none.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(f"{path}: no such file; give a CSV or Parquet file")
    found = sorted(one for one in path.rglob("*") if one.is_file())
    if files := [one for one in found if one.name[0] not in "._"]:
        return files
    raise DataError(f"{path}: holds no files; give a table, or a folder of tables")


def _table_files(found: Iterable[StoredFile]) -> list[StoredFile]:
    """Leave out what tools write beside tables, as _SUCCESS."""
    names = {one: one.key.rpartition("/")[2] for one in found}
    return [one for one, name in names.items() if name and name[0] not in "._"]


def _missing(uri: str, remedy: str) -> str:
    """Say what is missing, and what there is instead."""
    here, _, _ = uri.rstrip("/").rpartition("/")
    there: list[str] = []
    with suppress(StorageError, ConfigurationError):
        there = [*list_files(here), *(f"{one}/" for one in list_folders(here))]
    held = list_names(there) if there else "nothing"
    return f"{uri}: not there; {here}/ holds {held}; {remedy}"
