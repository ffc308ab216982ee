"""The data of a training job: content types, channels, files, DMatrix.

In the order in which a job needs them. Nothing heavy is imported until a file is read.
"""

import csv
import importlib
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

from sagemaker_xgboost.exceptions import UserError

CSV = "csv"
LIBSVM = "libsvm"
PARQUET = "parquet"
RECORDIO_PROTOBUF = "recordio-protobuf"

# In the order in which the image's error message lists them.
CONTENT_TYPES = {
    "csv": CSV,
    "libsvm": LIBSVM,
    "parquet": PARQUET,
    "recordio-protobuf": RECORDIO_PROTOBUF,
    "text/csv": CSV,
    "text/libsvm": LIBSVM,
    "text/x-libsvm": LIBSVM,
    "application/x-parquet": PARQUET,
    "application/x-recordio-protobuf": RECORDIO_PROTOBUF,
}
DEFAULT_CONTENT_TYPE = "text/libsvm"

Channel = dict[str, Any]

DISTRIBUTIONS = ("ShardedByS3Key", "FullyReplicated")
PIPED_TYPES = [name for name, kind in CONTENT_TYPES.items() if kind != LIBSVM]
DATA_CHANNEL = {
    *product(CONTENT_TYPES, ["File"], DISTRIBUTIONS),
    *product(PIPED_TYPES, ["Pipe"], DISTRIBUTIONS),
}
# (ContentType, TrainingInputMode, S3DistributionType) of each channel.
SUPPORTED_CHANNELS = {
    "train": DATA_CHANNEL,
    "validation": DATA_CHANNEL,
    "code": {("text/python", "File", "FullyReplicated")},
}

MAX_FOLDER_DEPTH = 3

# A DMatrix: naming the type would import xgboost.
Matrix = Any

LOAD_ERRORS = (
    ValueError,  # XGBoostError and ArrowInvalid are ValueErrors
    TypeError,
    LookupError,
    ArithmeticError,
    NotImplementedError,
    OSError,
)


def parse_header(header: str) -> tuple[str, dict[str, str]]:
    """Split a header into its value and its parameters."""
    value, *rest = split_parameters(header)
    parameters = {}
    for part in rest:
        name, equals, text = part.partition("=")
        if equals:
            parameters[name.strip().lower()] = unquote(text.strip())
    return value.strip(), parameters


def split_parameters(header: str) -> list[str]:
    """Split a header at the semicolons that stand outside quotes."""
    parts = [""]
    quoted = False
    for character in header:
        quoted ^= character == '"'
        if character == ";" and not quoted:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def unquote(text: str) -> str:
    """Remove the quotes of a quoted parameter."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1].replace("\\\\", "\\").replace('\\"', '"')
    return text


def get_content_type(content_type: str | None) -> str:
    """Return the format that a content type stands for; None stands for libsvm.

    Raises UserError for what the image does not know, and for RecordIO-protobuf.
    """
    if content_type is None:
        return LIBSVM
    value, parameters = parse_header(content_type.lower())
    if value not in CONTENT_TYPES:
        raise UserError(
            f"{content_type} is not an accepted ContentType: "
            f"{', '.join(CONTENT_TYPES)}."
        )
    kind = CONTENT_TYPES[value]
    if kind == RECORDIO_PROTOBUF:
        raise UserError(
            f"Content-type {content_type} is not supported by sagemaker-xgboost, which "
            "reads no RecordIO-protobuf. Please use CSV, libsvm or, for training, "
            "Parquet."
        )
    if kind == CSV and parameters.get("label_size", "1") != "1":
        raise UserError(
            f"{content_type} is not an accepted csv ContentType. "
            "Optional parameter label_size must be equal to 1"
        )
    return kind


def validate_channels(channels: Mapping[str, Channel]) -> dict[str, Channel]:
    """Check all channels of a job, and fill in their default content type."""
    if "train" not in channels:
        raise UserError("Missing required channel: train")
    return {name: validate_channel(name, value) for name, value in channels.items()}


def validate_channel(name: str, value: Channel) -> Channel:
    """Check one channel, letter by letter, and fill in the default content type."""
    if name not in SUPPORTED_CHANNELS:
        raise UserError(f"Extraneous channel found: {name}")
    channel = dict(value)
    channel.setdefault("ContentType", DEFAULT_CONTENT_TYPE)
    keys = ("ContentType", "TrainingInputMode", "S3DistributionType")
    if tuple(channel[key] for key in keys) not in SUPPORTED_CHANNELS[name]:
        raise UserError(
            f"Channel configuration for '{name}' channel is not supported: {channel}"
        )
    if name != "code":
        get_content_type(channel["ContentType"])
    return channel


def refuse_pipe_mode(channel: Channel) -> None:
    """Refuse Pipe mode, which the image still lists but no longer reads."""
    if channel["TrainingInputMode"] == "Pipe":
        kind = get_content_type(channel["ContentType"])
        name = {CSV: "CSV", PARQUET: "Parquet"}[kind]
        raise UserError(
            f"Pipe mode for {name} is no longer supported. Please use File mode "
            "instead."
        )


@dataclass(frozen=True)
class Shard:
    """The files of one channel that one host receives."""

    path: Path
    files: tuple[Path, ...]

    @property
    def size(self) -> int:
        """Count the bytes of all files."""
        return sum(file.stat().st_size for file in self.files)


def get_shard(path: Path, host: int = 0, hosts: int = 1) -> Shard:
    """List the files of a channel that are the host's: every `hosts`-th from `host`."""
    if not path.exists():
        logging.info("Path %s does not exist!", path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return Shard(path, tuple(files[host::hosts]))


def check_data_redundancy(train: Path, validation: Path) -> None:
    """Warn of files that have one name and one size in both channels."""
    for name, path in (("training", train), ("validation", validation)):
        if not path.exists():
            raise UserError(f"{name} data's path is not existed")
    for file in sorted(train.iterdir()):
        twin = validation / file.name
        if not (file.is_file() and twin.is_file()):
            continue
        if (size := file.stat().st_size) == twin.stat().st_size:
            logging.warning(
                "Suspected identical files found. (%s and %swith same size %s bytes). "
                "Note: Duplicate data in the training set and validation set is "
                "usually not intentional and can impair the validity of the model "
                "evaluation by the validation score.",
                file,
                twin,
                size,
            )


def refuse_hidden_files(shard: Shard) -> None:
    """Refuse a channel that holds a hidden file."""
    if any(file.name.startswith(".") for file in shard.files):
        raise UserError(
            "Hidden file found in the data path! Remove that before training."
        )


def is_data_file(file: Path) -> bool:
    """Tell whether a file is data, by its name."""
    if file.name.startswith((".", "_")):
        return False
    is_cache = ".cache" in file.name and ("dtrain" in file.name or "dval" in file.name)
    return not is_cache


def validate_format(shard: Shard, kind: str) -> None:
    """Check the first lines of each file in the channel's first leaf folder."""
    # The image looks no further than this folder, so neither may its errors.
    leaf = next(Path(top) for top, folders, _ in os.walk(shard.path) if not folders)
    for file in shard.files:
        if file.parent != leaf or not is_data_file(file):
            continue
        if kind == CSV:
            with file.open(errors="ignore") as lines:
                get_csv_delimiter(lines.readline())
        elif kind == LIBSVM:
            validate_libsvm_format(file)


def get_csv_delimiter(line: str) -> str:
    """Guess the delimiter of a CSV file from its first line."""
    try:
        delimiter = csv.Sniffer().sniff(line).delimiter
    except csv.Error as error:
        raise UserError(
            f"Could not determine delimiter on line {line[:50]}:\n{error}"
        ) from error
    logging.info("Determined delimiter of CSV input is '%s'", delimiter)
    return delimiter


def validate_libsvm_format(file: Path) -> None:
    """Check the lines of a libsvm file up to the first that has two features."""
    with file.open(errors="ignore") as lines:
        for line in lines:
            count = count_libsvm_features(line)
            if count is None:
                raise UserError(
                    f"First line '{line[:50]}...' of file '{file.name}' is not "
                    "'LIBSVM' format. Please ensure the file is in 'LIBSVM' format."
                )
            if count > 1:
                return
    logging.warning(
        "File %s is not an invalid LIBSVM file but has no features. "
        "Accepting simple validation.",
        file.name,
    )


def count_libsvm_features(line: str) -> int | None:
    """Count the features of a libsvm line; return None if it is not libsvm."""
    label, *features = line.split(" ")
    if not is_libsvm_label(label):
        logging.error(
            "%s does not follow LIBSVM label format <label>(:<weight>).", label
        )
        return None
    if not all(":" in feature for feature in features):
        return None
    # Of all features the image parses only the first.
    if features and features[0].count(":") != 1:
        return None
    return len(features)


def is_libsvm_label(text: str) -> bool:
    """Tell whether a text is a label, or a label and a weight."""
    parts = text.split(":")
    if len(parts) > 2:
        return False
    try:
        return all(float(part) is not None for part in parts)
    except ValueError:
        return False


def get_dmatrix(
    shard: Shard, kind: str, links: Path, *, csv_weights: int = 0
) -> Matrix:
    """Read the files of a channel as one DMatrix, in the order of their names.

    `kind` is CSV, LIBSVM or PARQUET; `links` is a folder that is overwritten.
    Raises UserError for files that cannot be read and for data without labels.
    """
    files = link_files(shard, links)
    try:
        matrix = READERS[kind](files, csv_weights)
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


def link_files(shard: Shard, links: Path) -> list[Path]:
    """Link all files into one folder, in a fixed order."""
    for old in links.iterdir():
        old.unlink()
    linked: list[Path] = []
    logging.info("File path %s of input files", shard.path)
    logging.info("Making smlinks from folder %s to folder %s", shard.path, links)
    for file in shallow_files(shard):
        link = links / f"{len(linked):05}-{file.name}"
        logging.info("creating symlink between Path %s and destination %s", file, link)
        link.symlink_to(file.resolve())
        linked.append(link)
    logging.info("files path: %s", links)
    return linked


def shallow_files(shard: Shard) -> list[Path]:
    """Leave out the files in folders that are too deep, with the image's warning."""
    depths = {file: len(file.relative_to(shard.path).parts) for file in shard.files}
    if any(depth > MAX_FOLDER_DEPTH for depth in depths.values()):
        logging.warning(
            "The depth of folder %s exceed the limit %s. Files in deeper sub dirs "
            "won't be loaded. Please adjust the folder structure accordingly.",
            shard.path,
            MAX_FOLDER_DEPTH,
        )
    return [file for file, depth in depths.items() if depth <= MAX_FOLDER_DEPTH]


def get_csv_dmatrix(files: Sequence[Path], csv_weights: int) -> Matrix:
    """Read CSV with the parser that xgboost brings: label first, no header."""
    sample = next(filter(is_filled_data_file, files), files[0])
    with sample.open() as lines:
        delimiter = get_csv_delimiter(lines.readline())
    options = f"format=csv&label_column=0&delimiter={delimiter}"
    if csv_weights == 1:
        options += "&weight_column=1"
    return get_text_dmatrix(files, options)


def is_filled_data_file(link: Path) -> bool:
    """Tell whether a linked file is data, and not empty."""
    return is_data_file(link.resolve()) and link.stat().st_size > 0


def get_libsvm_dmatrix(files: Sequence[Path], csv_weights: int) -> Matrix:
    """Read libsvm with the parser that xgboost brings: indices start at 0."""
    return get_text_dmatrix(files, "format=libsvm")


def get_text_dmatrix(files: Sequence[Path], options: str) -> Matrix:
    """Read text files in the order given."""
    # A folder would be read in the order of its directory entries.
    uri = ";".join(map(str, files))
    return import_xgboost().DMatrix(f"{uri}?{options}")


def get_parquet_dmatrix(files: Sequence[Path], csv_weights: int) -> Matrix:
    """Read Parquet: the first column is the label."""
    # Only Parquet needs it, and it takes longer to import than CSV to read.
    from pyarrow import parquet

    table = parquet.read_table(files[0].parent)
    rows = table.to_pandas().to_numpy()
    return import_xgboost().DMatrix(rows[:, 1:], label=rows[:, 0])


READERS: Mapping[str, Callable[[Sequence[Path], int], Matrix]] = {
    CSV: get_csv_dmatrix,
    LIBSVM: get_libsvm_dmatrix,
    PARQUET: get_parquet_dmatrix,
}


def import_xgboost() -> ModuleType:
    """Import xgboost without scikit-learn, if neither is imported yet.

    xgboost imports scikit-learn, and with it pandas and scipy.stats, for its estimator
    classes alone. Without them a small training job takes a third of the time: they
    are two thirds of what it does. In a process that calls this function first,
    `xgboost.XGBClassifier` and its like say that scikit-learn is missing; everything
    else works, scikit-learn itself included.
    """
    if "xgboost" in sys.modules or "sklearn" in sys.modules:
        return importlib.import_module("xgboost")
    # Python's way to say that a module cannot be imported.
    sys.modules["sklearn"] = None  # type: ignore[assignment]
    try:
        return importlib.import_module("xgboost")
    finally:
        sys.modules.pop("sklearn", None)
