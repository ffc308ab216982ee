"""Which channels the built-in XGBoost takes."""

import pytest
from sagemaker_xgboost.container.channels import validate_channels
from sagemaker_xgboost.container.exceptions import UserError

CHANNEL = {
    "ContentType": "text/csv",
    "TrainingInputMode": "File",
    "S3DistributionType": "FullyReplicated",
}


@pytest.mark.parametrize(
    "content_type",
    [
        "csv",
        "libsvm",
        "parquet",
        "recordio-protobuf",
        "text/csv",
        "text/libsvm",
        "text/x-libsvm",
        "application/x-parquet",
        "application/x-recordio-protobuf",
    ],
)
@pytest.mark.parametrize("distribution", ["FullyReplicated", "ShardedByS3Key"])
def test_known_content_types_are_taken(content_type, distribution):
    """Nine names of four formats, on one host or spread over several."""
    channel = CHANNEL | {
        "ContentType": content_type,
        "S3DistributionType": distribution,
    }
    channels = {"train": channel, "validation": channel}
    assert validate_channels(channels) == channels


@pytest.mark.parametrize(
    "changes",
    [
        {"ContentType": "TEXT/CSV"},
        {"ContentType": "text/csv;label_size=1"},
        {"ContentType": "text/csv; charset=utf-8"},
        {"ContentType": "application/csv"},
        {"TrainingInputMode": "FastFile"},
        {"ContentType": "text/libsvm", "TrainingInputMode": "Pipe"},
    ],
)
def test_anything_else_is_refused_with_the_channel(changes):
    """Training compares letter by letter, unlike serving."""
    channel = CHANNEL | changes
    with pytest.raises(UserError) as caught:
        validate_channels({"train": channel})
    assert str(caught.value) == (
        f"Channel configuration for 'train' channel is not supported: {channel}"
    )


def test_no_content_type_is_libsvm():
    """The default is not the one that most people expect."""
    channel = {key: value for key, value in CHANNEL.items() if key != "ContentType"}
    validated = validate_channels({"train": channel})
    assert validated["train"]["ContentType"] == "text/libsvm"


def test_other_channels_are_refused():
    """A test channel is extraneous."""
    with pytest.raises(UserError, match=r"^Extraneous channel found: test$"):
        validate_channels({"train": CHANNEL, "test": CHANNEL})


def test_a_code_channel_is_taken():
    """The channel that script mode uses does no harm."""
    code = CHANNEL | {"ContentType": "text/python"}
    assert "code" in validate_channels({"train": CHANNEL, "code": code})
