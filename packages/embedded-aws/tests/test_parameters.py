"""What would be ignored of calls to IAM, STS, CloudWatch, Logs, ECR and tagging."""

import pytest
from embedded_account import refusal

ALARM = {
    "ComparisonOperator": "GreaterThanThreshold",
    "EvaluationPeriods": 1,
    "MetricName": "m",
    "Namespace": "n",
    "Period": 60,
    "Statistic": "Sum",
    "Threshold": 1,
}
ROLE = "arn:aws:iam::123456789012:role/SageMakerExecutionRole"


@pytest.mark.parametrize(
    ("service", "operation", "given", "named"),
    [
        (
            "iam",
            "create_user",
            {"UserName": "u", "PermissionsBoundary": ROLE},
            "PermissionsBoundary",
        ),
        ("iam", "list_groups", {"MaxItems": 1}, "MaxItems: the answer has all"),
        (
            "sts",
            "assume_role",
            {
                "RoleArn": ROLE,
                "RoleSessionName": "ss",
                "PolicyArns": [{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}],
            },
            "PolicyArns",
        ),
        (
            "logs",
            "create_log_group",
            {"logGroupName": "g", "logGroupClass": "INFREQUENT_ACCESS"},
            "logGroupClass: log groups have one class",
        ),
        (
            "cloudwatch",
            "put_metric_data",
            {
                "Namespace": "n",
                "MetricData": [{"MetricName": "m", "StorageResolution": 1}],
            },
            "MetricData.StorageResolution",
        ),
        ("ecr", "describe_repositories", {"maxResults": 1}, "maxResults"),
        (
            "resourcegroupstaggingapi",
            "get_resources",
            {"IncludeComplianceDetails": True},
            "IncludeComplianceDetails",
        ),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_a_parameter_that_would_be_ignored_is_refused(
    client, service, operation, given, named
):
    """By its name, in a form as in JSON."""
    _, message = refusal(getattr(client(service), operation), **given)
    assert f"does not implement {named}" in message


@pytest.mark.parametrize(
    ("service", "operation", "given"),
    [
        ("iam", "get_account_summary", {}),
        ("sts", "get_federation_token", {"Name": "nn"}),
        ("logs", "describe_export_tasks", {}),
        ("cloudwatch", "list_dashboards", {}),
        ("ecr", "get_authorization_token", {}),
        ("resourcegroupstaggingapi", "get_compliance_summary", {}),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_an_action_that_is_not_served_is_refused(client, service, operation, given):
    """By its name."""
    code, message = refusal(getattr(client(service), operation), **given)
    assert code == "UnknownOperationException"
    assert operation.replace("_", "") in message.lower()


def test_alarms_are_described_by_all_that_is_asked_for(client, name):
    """By name and by state at once."""
    cloudwatch = client("cloudwatch")
    for end in "ab":
        cloudwatch.put_metric_alarm(AlarmName=name + end, **ALARM)
    cloudwatch.set_alarm_state(
        AlarmName=f"{name}a", StateValue="ALARM", StateReason="test"
    )
    asked = {"AlarmNames": [f"{name}a", f"{name}b"], "StateValue": "ALARM"}
    found = cloudwatch.describe_alarms(**asked)["MetricAlarms"]
    assert [each["AlarmName"] for each in found] == [f"{name}a"]
    assert cloudwatch.describe_alarms(AlarmNamePrefix="none")["MetricAlarms"] == []


@pytest.mark.parametrize(
    ("service", "operation", "given", "code"),
    [
        (
            "iam",
            "create_role",
            {"RoleName": "a b", "AssumeRolePolicyDocument": "{}"},
            "ValidationError",
        ),
        (
            "iam",
            "create_role",
            {"RoleName": "r", "AssumeRolePolicyDocument": "{"},
            "MalformedPolicyDocument",
        ),
        (
            "sts",
            "assume_role",
            {"RoleArn": f"{ROLE}-none", "RoleSessionName": "ss"},
            "AccessDenied",
        ),
        (
            "sts",
            "assume_role",
            {"RoleArn": ROLE, "RoleSessionName": "a b"},
            "ValidationError",
        ),
        (
            "logs",
            "put_retention_policy",
            {"logGroupName": "g", "retentionInDays": 8},
            "InvalidParameterException",
        ),
        (
            "logs",
            "filter_log_events",
            {"logGroupName": "g", "filterPattern": "{ $.a = 1 }"},
            "InvalidParameterException",
        ),
    ],
)
def test_a_value_that_aws_does_not_take_is_refused(
    client, service, operation, given, code
):
    """With AWS's code."""
    assert refusal(getattr(client(service), operation), **given)[0] == code
