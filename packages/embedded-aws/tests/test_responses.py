"""The checks that AWS makes of a request before it looks at anything else."""

import pytest
from embedded_aws.sagemaker.responses import (
    broken_constraints,
    compile_pattern,
    validation_message,
)
from moto.core.utils import get_service_model

ARN = "arn:aws:sagemaker:us-east-1:123456789012:model/a"


def found(operation, **values):
    """Name the constraints of an operation that values break."""
    shape = get_service_model("sagemaker").operation_model(operation).input_shape
    return list(broken_constraints(values, shape, ""))


def test_a_good_request_breaks_nothing():
    """A request within all constraints is left alone."""
    assert found("DescribeEndpoint", EndpointName="abalone-v2") == []


@pytest.mark.parametrize(
    ("operation", "values", "problem"),
    [
        ("DescribeModel", {}, "Value null at 'modelName'"),
        ("DescribeModel", {"ModelName": "a" * 64}, "length less than or equal to 63"),
        ("DescribeModel", {"ModelName": "a_b"}, "regular expression pattern"),
        ("ListModels", {"SortBy": "Size"}, "enum value set: [Name, CreationTime]"),
        ("ListModels", {"MaxResults": 101}, "value less than or equal to 100"),
        ("ListModels", {"MaxResults": 0}, "value greater than or equal to 1"),
        (
            "AddTags",
            {"ResourceArn": ARN, "Tags": [{"Key": "a"}]},
            "Value null at 'tags.1.member.value'",
        ),
        (
            "CreateModelPackage",
            {"CustomerMetadataProperties": {"key": "v" * 257}},
            "'customerMetadataProperties.key.member'",
        ),
    ],
)
def test_names_what_a_request_breaks(operation, values, problem):
    """Required members, lengths, patterns, enumerations and bounds are checked."""
    (text,) = found(operation, **values)
    assert problem in text


@pytest.mark.parametrize(
    ("text", "good"),
    [("plain", True), ("ä, ß: 1 + 2 = 3 €!", True), ("two\nlines", False)],
)
def test_java_s_classes_of_characters_count(text, good):
    """A description is one line of anything that can be printed."""
    pattern = compile_pattern(r"[\p{L}\p{M}\p{Z}\p{S}\p{N}\p{P}]*")

    assert bool(pattern.fullmatch(text)) is good


def test_counts_the_constraints():
    """Several broken constraints become one message."""
    text = validation_message(["one", "two"])
    assert text == "2 validation errors detected: one; two"
