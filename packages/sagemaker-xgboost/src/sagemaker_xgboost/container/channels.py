"""The channels that a training job may have."""

from collections.abc import Mapping
from itertools import product
from typing import Any

from sagemaker_xgboost.container.content_types import (
    FORMATS,
    LIBSVM,
    parse_content_type,
)
from sagemaker_xgboost.container.exceptions import UserError

Channel = dict[str, Any]

DEFAULT_CONTENT_TYPE = "text/libsvm"
DISTRIBUTIONS = ("ShardedByS3Key", "FullyReplicated")

PIPED_FORMATS = [name for name, kind in FORMATS.items() if kind != LIBSVM]
DATA = {
    *product(FORMATS, ["File"], DISTRIBUTIONS),
    *product(PIPED_FORMATS, ["Pipe"], DISTRIBUTIONS),
}
SUPPORTED = {
    "train": DATA,
    "validation": DATA,
    "code": {("text/python", "File", "FullyReplicated")},
}


def validate_channels(channels: Mapping[str, Channel]) -> dict[str, Channel]:
    """Refuse a channel that the image does not know, or knows differently."""
    if "train" not in channels:
        raise UserError("Missing required channel: train")
    return {name: validate_channel(name, value) for name, value in channels.items()}


def validate_channel(name: str, value: Channel) -> Channel:
    """Complete one channel with the default content type, and check it."""
    if name not in SUPPORTED:
        raise UserError(f"Extraneous channel found: {name}")
    channel = dict(value)
    channel.setdefault("ContentType", DEFAULT_CONTENT_TYPE)
    kind = tuple(
        channel[key]
        for key in ("ContentType", "TrainingInputMode", "S3DistributionType")
    )
    if kind not in SUPPORTED[name]:
        raise UserError(
            f"Channel configuration for '{name}' channel is not supported: {channel}"
        )
    return channel


def data_format(channels: Mapping[str, Channel]) -> str:
    """Name the format of all data: the train channel's counts for both."""
    return parse_content_type(channels["train"]["ContentType"])


def is_piped(channels: Mapping[str, Channel]) -> bool:
    """Say whether the train channel is read through a pipe."""
    return bool(channels["train"]["TrainingInputMode"] == "Pipe")
