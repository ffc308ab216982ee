"""The checks that AWS makes of a request before it looks at anything else."""

import json

import pytest
from embedded_aws.validation import (
    check_of,
    check_request,
    compile_pattern,
    validation_message,
)

ARN = "arn:aws:sagemaker:us-east-1:123456789012:model/a"


def found(operation, **values):
    """Name the constraints of an operation that values break."""
    return list(check_of("sagemaker", operation)(values, ""))


def refusal(operation, body, service="sagemaker", prefix="SageMaker"):
    """Return code and text of the error for a request."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    error = check_request(service, f"{prefix}.{operation}", content)
    return (error.code, error.message) if error else None


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
        ("ListModels", {"Size": 5}, "Unknown member 'Size' of the request"),
        (
            "AddTags",
            {"ResourceArn": ARN, "Tags": [{"Key": "a", "Value": "b", "Kind": "c"}]},
            "Unknown member 'Kind' of 'tags.1.member'",
        ),
        ("AddTags", {"ResourceArn": ARN, "Tags": [None]}, "Value null at 'tags.1"),
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


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"{", "The request is not valid JSON: "),
        (b'{"MaxResults": NaN}', "The request is not valid JSON: "),
        (b'{"NameContains": "\\ud800"}', "The request is not valid JSON: "),
        (b"[" * 100_000, "The request is not valid JSON: "),
        (b"\xff", "The request is not valid JSON: "),
        ([], "Start of list found where not expected."),
        ("text", "STRING_VALUE is not a structure"),
        (None, "NULL_VALUE is not a structure"),
        ({"MaxResults": "5"}, "STRING_VALUE can not be converted to an Integer"),
        ({"MaxResults": 5.5}, "DECIMAL_VALUE can not be converted to an Integer"),
        ({"MaxResults": True}, "TRUE_VALUE can not be converted to an Integer"),
        ({"MaxResults": 2**31}, "'2147483648' is out of range for Integer"),
        ({"NameContains": 5}, "NUMBER_VALUE can not be converted to a String"),
        ({"NameContains": {}}, "Start of structure or map found where not expected."),
        (
            {"CreationTimeAfter": "now"},
            "STRING_VALUE can not be converted to milliseconds since epoch",
        ),
        ({"CreationTimeAfter": 1e300}, "'1e+300' is out of range for Timestamp"),
    ],
)
def test_a_value_of_a_wrong_type_cannot_be_read(body, text):
    """It is found before any constraint, as on AWS."""
    code, message = refusal("ListModels", body)
    assert (code, message[: len(text)]) == ("SerializationException", text)


@pytest.mark.parametrize(
    ("prefix", "operation"),
    [("SageMaker", "Nothing"), ("Logs_20140328", "ListModels"), ("", "ListModels")],
)
def test_an_operation_of_another_service_is_unknown(prefix, operation):
    """So is one that no service has."""
    code, message = refusal(operation, {}, prefix=prefix)
    assert code == "UnknownOperationException"
    assert f"no operation {prefix}.{operation} in sagemaker" in message


def test_a_shape_that_contains_itself_is_checked_at_every_depth():
    """A search has expressions that have expressions."""
    expression = {"Filters": [{"Name": 5}]}
    for _ in range(20):
        expression = {"SubExpressions": [expression]}
    _, message = refusal(
        "Search", {"Resource": "Model", "SearchExpression": expression}
    )
    assert message == "NUMBER_VALUE can not be converted to a String"


def test_a_text_that_is_too_long_is_not_matched():
    """The patterns of a model are not made for it, and could take for ever."""
    texts = found("CreateModel", ModelName="-" * 1_000_000)
    assert [text.rpartition(": ")[2] for text in texts] == [
        "Member must have length less than or equal to 63"
    ]
    assert len(texts[0]) < 500


def test_a_key_cannot_be_a_mark_of_the_state():
    """There a null character begins what JSON has no word for."""
    texts = found("CreateTrainingJob", HyperParameters={"\0time": "x"})
    assert any("must not contain a null character" in text for text in texts)
