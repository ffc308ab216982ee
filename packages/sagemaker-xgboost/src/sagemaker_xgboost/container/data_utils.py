"""The files of a channel as a matrix that xgboost trains on."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sagemaker_xgboost.container import content_types as formats
from sagemaker_xgboost.container.engine import load_engine
from sagemaker_xgboost.container.exceptions import UserError
from sagemaker_xgboost.container.files import Shard, is_data, link_files
from sagemaker_xgboost.container.formats import sniff_delimiter
from sagemaker_xgboost.container.recordio import read_records
from sagemaker_xgboost.container.rows import stack_records

# A DMatrix; importing xgboost to name the type would slow every start.
Matrix = Any

LOAD_ERRORS = (
    ValueError,  # of xgboost and Arrow, too
    TypeError,
    LookupError,
    ArithmeticError,
    NotImplementedError,
    OSError,
)


def load_matrix(
    shards: Sequence[Shard], kind: str, links: Path, *, csv_weights: int = 0
) -> Matrix:
    """Read the files of one channel, or of several, as one matrix."""
    files = link_files(shards, links)
    try:
        matrix = LOADERS[kind](files, csv_weights)
    except LOAD_ERRORS as error:
        message = f"Failed to load {kind} data with exception:\n{error}"
        raise UserError(message) from error
    if matrix.get_label().size == 0:
        raise UserError(
            "Got input data without labels. Please check the input data set. If "
            "training job is running on multiple instances, please switch to using "
            "single instance if number of records in the data set is less than number "
            "of workers (16 * number of instance) in the cluster."
        )
    return matrix


def refuse_pipe(kind: str) -> None:
    """Refuse Pipe mode, which the image still lists but no longer reads."""
    name = {formats.CSV: "CSV", formats.PARQUET: "Parquet"}.get(kind, kind)
    raise UserError(
        f"Pipe mode for {name} is no longer supported. Please use File mode instead."
    )


def load_csv(files: Sequence[Path], csv_weights: int) -> Matrix:
    """Read CSV with the parser that xgboost brings: label first, no header."""
    sample = next(filter(is_filled_data, files), files[0])
    with sample.open() as lines:
        delimiter = sniff_delimiter(lines.readline())
    options = f"format=csv&label_column=0&delimiter={delimiter}"
    if csv_weights == 1:
        options += "&weight_column=1"
    return load_text(files, options)


def is_filled_data(file: Path) -> bool:
    """Say whether a linked file is data, and not empty."""
    name = file.resolve().name
    return is_data(file.with_name(name)) and file.stat().st_size > 0


def load_libsvm(files: Sequence[Path], csv_weights: int) -> Matrix:
    """Read libsvm with the parser that xgboost brings: indices start at 0."""
    return load_text(files, "format=libsvm")


def load_text(files: Sequence[Path], options: str) -> Matrix:
    """Read text files as xgboost does, in the order given."""
    # A folder would be read in the order of its directory entries.
    uri = ";".join(map(str, files))
    return load_engine().DMatrix(f"{uri}?{options}")


def load_parquet(files: Sequence[Path], csv_weights: int) -> Matrix:
    """Read parquet: the first column is the label."""
    from pyarrow import parquet

    table = parquet.read_table(files[0].parent)
    rows = table.to_pandas().to_numpy()
    return load_engine().DMatrix(rows[:, 1:], label=rows[:, 0])


def load_recordio(files: Sequence[Path], csv_weights: int) -> Matrix:
    """Read RecordIO files of protobuf records, dense or sparse."""
    records = (record for file in files for record in read_records(file.read_bytes()))
    features, labels = stack_records(records)
    return load_engine().DMatrix(features, label=labels)


LOADERS: Mapping[str, Callable[[Sequence[Path], int], Matrix]] = {
    formats.CSV: load_csv,
    formats.LIBSVM: load_libsvm,
    formats.PARQUET: load_parquet,
    formats.RECORDIO_PROTOBUF: load_recordio,
}
