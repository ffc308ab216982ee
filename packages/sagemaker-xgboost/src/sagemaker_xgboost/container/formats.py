"""The first look at a channel's files: are they in the format they are said to be?"""

import csv
import logging
import os
from pathlib import Path

from sagemaker_xgboost.container.content_types import CSV, LIBSVM
from sagemaker_xgboost.container.exceptions import UserError
from sagemaker_xgboost.container.files import Shard, is_data


def validate_format(shard: Shard, kind: str) -> None:
    """Look at the first line of each file in the channel's first leaf folder."""
    leaf = leaf_folder(shard.path)
    for file in shard.files:
        if file.parent != leaf or not is_data(file):
            continue
        if kind == CSV:
            with file.open(errors="ignore") as lines:
                sniff_delimiter(lines.readline())
        elif kind == LIBSVM:
            validate_libsvm(file)


def leaf_folder(path: Path) -> Path:
    """Find the first folder that has no folder in it."""
    # The image looks no further than this one, so neither may its errors.
    return next(Path(top) for top, folders, _ in os.walk(path) if not folders)


def sniff_delimiter(line: str) -> str:
    """Guess the delimiter of a CSV file from its first line."""
    try:
        delimiter = csv.Sniffer().sniff(line).delimiter
    except csv.Error as error:
        raise UserError(
            f"Could not determine delimiter on line {line[:50]}:\n{error}"
        ) from error
    logging.info("Determined delimiter of CSV input is '%s'", delimiter)
    return delimiter


def validate_libsvm(file: Path) -> None:
    """Look at the lines of a libsvm file up to the first with two features."""
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
    """Count the features of a libsvm line; None when it is not one."""
    label, *features = line.split(" ")
    if not is_libsvm_label(label):
        logging.error(
            "%s does not follow LIBSVM label format <label>(:<weight>).", label
        )
        return None
    if not all(":" in feature for feature in features):
        return None
    # Of all features the image takes only the first apart.
    if features and features[0].count(":") != 1:
        return None
    return len(features)


def is_libsvm_label(text: str) -> bool:
    """Say whether a text is a label, or a label and a weight."""
    parts = text.split(":")
    if len(parts) > 2:
        return False
    try:
        return all(float(part) is not None for part in parts)
    except ValueError:
        return False
