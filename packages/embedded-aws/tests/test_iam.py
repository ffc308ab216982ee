"""The execution role, and what policies allow."""

import json

import pytest
from botocore.exceptions import ClientError
from embedded_aws.account import ROLE_ARN, ROLE_NAME
from embedded_aws.iam.policies import Policy, PolicyError, decide

BUCKET = "arn:aws:s3:::models"
ME = "arn:aws:iam::1:role/me"


def statement(effect="Allow", action="*", resource="*", **more):
    """Write a policy of one statement."""
    return {
        "Version": "2012-10-17",
        "Statement": {"Effect": effect, "Action": action, "Resource": resource, **more},
    }


def other(**elements):
    """Write a policy of one statement that allows, from its other elements."""
    return {"Statement": [{"Effect": "Allow", **elements}]}


def verdict(document, action="s3:GetObject", resource=f"{BUCKET}/a", **context):
    """Decide by one policy; the context's keys have `_` where `:` belongs."""
    values = {key.replace("_", ":", 1): [value] for key, value in context.items()}
    return decide([Policy.read("p", document)], action, resource, values).verdict


@pytest.fixture
def role(client, name):
    """Make a role without policies, and remove it again."""
    iam = client("iam")
    trust = {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}
    document = json.dumps({"Statement": trust})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
    arn = role["Role"]["Arn"]
    yield arn
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    for policy in attached:
        iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
        iam.delete_policy(PolicyArn=policy["PolicyArn"])
    iam.delete_role(RoleName=name)


def test_execution_role_trusts_sagemaker(client):
    """The execution role exists, and SageMaker may assume it."""
    role = client("iam").get_role(RoleName=ROLE_NAME)["Role"]
    assert role["Arn"] == ROLE_ARN
    statement = role["AssumeRolePolicyDocument"]["Statement"][0]
    assert statement["Principal"] == {"Service": "sagemaker.amazonaws.com"}


def test_the_first_role_may_do_everything_until_it_has_a_policy(client):
    """A simulation answers by the policies that the role then has."""
    iam = client("iam")

    def simulate():
        answer = iam.simulate_principal_policy(
            PolicySourceArn=ROLE_ARN, ActionNames=["s3:GetObject", "logs:PutLogEvents"]
        )
        return [one["EvalDecision"] for one in answer["EvaluationResults"]]

    assert simulate() == ["allowed", "allowed"]
    iam.put_role_policy(
        RoleName=ROLE_NAME,
        PolicyName="logs",
        PolicyDocument=json.dumps(statement(action="logs:*")),
    )
    try:
        assert simulate() == ["implicitDeny", "allowed"]
    finally:
        iam.delete_role_policy(RoleName=ROLE_NAME, PolicyName="logs")
    assert simulate() == ["allowed", "allowed"]


def test_a_simulation_joins_inline_managed_and_given_policies(client, role, name):
    """And says by which of them, for each action and each resource."""
    iam = client("iam")
    iam.put_role_policy(
        RoleName=name,
        PolicyName="reads",
        PolicyDocument=json.dumps(statement(action="s3:Get*", resource=f"{BUCKET}/*")),
    )
    managed = iam.create_policy(
        PolicyName=name, PolicyDocument=json.dumps(statement(action="logs:*"))
    )
    iam.attach_role_policy(RoleName=name, PolicyArn=managed["Policy"]["Arn"])

    answer = iam.simulate_principal_policy(
        PolicySourceArn=role,
        PolicyInputList=[json.dumps(statement("Deny", resource=f"{BUCKET}/secret"))],
        ActionNames=["s3:GetObject", "logs:PutLogEvents"],
        ResourceArns=[f"{BUCKET}/a", f"{BUCKET}/secret", "*"],
    )

    found = [
        (
            one["EvalDecision"],
            [each["SourcePolicyId"] for each in one["MatchedStatements"]],
        )
        for one in answer["EvaluationResults"]
    ]
    denied = ("explicitDeny", ["PolicyInputList.1"])
    assert found == [
        ("allowed", ["reads"]),
        denied,
        ("implicitDeny", []),
        ("allowed", [name]),
        denied,
        ("allowed", [name]),
    ]


def test_a_boundary_and_a_group_count(client, name):
    """What a boundary does not allow is denied, whatever the policies say."""
    iam = client("iam")
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    iam.create_group(GroupName=name)
    iam.add_user_to_group(UserName=name, GroupName=name)
    iam.put_group_policy(
        GroupName=name, PolicyName="all", PolicyDocument=json.dumps(statement())
    )
    given = {"PolicySourceArn": arn, "ActionNames": ["s3:GetObject", "iam:PassRole"]}
    limit = json.dumps(statement(action="s3:*"))
    free = iam.simulate_principal_policy(**given)
    bound = iam.simulate_principal_policy(
        **given, PermissionsBoundaryPolicyInputList=[limit]
    )
    decisions = [
        [one["EvalDecision"] for one in answer["EvaluationResults"]]
        for answer in (free, bound)
    ]
    assert decisions == [["allowed", "allowed"], ["allowed", "implicitDeny"]]
    detail = bound["EvaluationResults"][1]["PermissionsBoundaryDecisionDetail"]
    assert detail == {"AllowedByPermissionsBoundary": False}


def test_a_simulation_has_pages_and_a_context(client):
    """The given policies alone decide in SimulateCustomPolicy."""
    document = statement(
        action="iam:PassRole",
        Condition={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
    )
    entry = {
        "ContextKeyName": "iam:PassedToService",
        "ContextKeyType": "string",
        "ContextKeyValues": ["sagemaker.amazonaws.com"],
    }
    pages = client("iam").get_paginator("simulate_custom_policy")
    given = {"PolicyInputList": [json.dumps(document)]}
    actions = ["iam:PassRole", "iam:GetRole", "IAM:passrole"]
    found = [
        one["EvalDecision"]
        for page in pages.paginate(
            **given,
            ActionNames=actions,
            ContextEntries=[entry],
            PaginationConfig={"PageSize": 1},
        )
        for one in page["EvaluationResults"]
    ]
    assert found == ["allowed", "implicitDeny", "allowed"]
    lacking = client("iam").simulate_custom_policy(**given, ActionNames=actions[:1])
    (one,) = lacking["EvaluationResults"]
    assert one["EvalDecision"] == "implicitDeny"
    assert one["MissingContextValues"] == ["iam:PassedToService"]


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        ({"PolicySourceArn": f"{ROLE_ARN}-none"}, "NoSuchEntity", "role with ARN"),
        ({"PolicyInputList": ["{"]}, "InvalidInput", "PolicyInputList.1: not JSON"),
        (
            {"ResourceOwner": ROLE_ARN},
            "ValidationError",
            "does not implement ResourceOwner: policies of resources are not simulated",
        ),
        (
            {
                "PolicyInputList": [
                    json.dumps(statement(Condition={"Near": {"a": "b"}}))
                ]
            },
            "InvalidInput",
            "'Near': not known",
        ),
    ],
)
def test_what_is_not_simulated_is_refused(client, given, code, message):
    """By name; it is never answered by a guess."""
    call = {"PolicySourceArn": ROLE_ARN, "ActionNames": ["s3:GetObject"]} | given
    with pytest.raises(ClientError, match=message) as caught:
        client("iam").simulate_principal_policy(**call)
    assert caught.value.response["Error"]["Code"] == code


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (statement(action="s3:*"), "allowed"),
        (statement(action="S3:getobject"), "allowed"),
        (statement(action="s3:GetObjec"), "implicitDeny"),
        (statement(action=["iam:*", "s3:Get?bject"]), "allowed"),
        (statement(resource=BUCKET), "implicitDeny"),
        (statement(resource=[BUCKET, f"{BUCKET}/*"]), "allowed"),
        (statement(resource="arn:aws:s3:::models/A"), "implicitDeny"),
        (statement(resource="arn.aws:s3:::models/a"), "implicitDeny"),
        (statement("Deny"), "explicitDeny"),
        (other(NotAction="iam:*", Resource="*"), "allowed"),
        (other(NotAction="s3:*", Resource="*"), "implicitDeny"),
        (other(Action="*", NotResource=f"{BUCKET}/*"), "implicitDeny"),
    ],
)  # fmt: skip
def test_actions_and_resources_match_as_in_iam(document, expected):
    """Actions in any case, resources as they are; a dot is a dot."""
    assert verdict(document) == expected


@pytest.mark.parametrize(
    ("condition", "value", "holds"),
    [
        ({"StringEquals": {"x:k": ["a", "b"]}}, "b", True),
        ({"StringEquals": {"X:K": "a"}}, "A", False),
        ({"StringEqualsIgnoreCase": {"x:k": "a"}}, "A", True),
        ({"StringNotEquals": {"x:k": ["a", "b"]}}, "b", False),
        ({"StringNotEquals": {"x:k": "a"}}, None, True),
        ({"StringLike": {"x:k": "refs/heads/*"}}, "refs/heads/main", True),
        ({"StringLike": {"x:k": "user/????/main"}}, "user/abc/main", False),
        ({"StringNotLike": {"x:k": "a*"}}, "b", True),
        ({"StringEqualsIfExists": {"x:k": "a"}}, None, True),
        ({"StringEqualsIfExists": {"x:k": "a"}}, "b", False),
        ({"StringEquals": {"x:k": "a"}}, None, False),
        ({"StringLike": {"x:k": "${x:k}*"}}, "a", True),
        ({"StringEquals": {"x:k": "${x:other}"}}, "a", False),
        ({"ArnLike": {"x:k": "arn:aws:iam::*:role/m*"}}, ME, True),
        ({"ArnLike": {"x:k": "arn:aws:*:role/m*"}}, ME, False),
        ({"ArnNotEquals": {"x:k": ME}}, ME, False),
        ({"NumericLessThanEquals": {"x:k": 3600}}, "3600", True),
        ({"NumericGreaterThan": {"x:k": "3600"}}, "many", False),
        ({"DateGreaterThan": {"x:k": "2026-01-01T00:00:00Z"}}, "2026-11-28", True),
        ({"Bool": {"x:k": True}}, "true", True),
        ({"IpAddress": {"x:k": "10.0.0.0/8"}}, "10.1.2.3", True),
        ({"NotIpAddress": {"x:k": "10.0.0.0/8"}}, "10.1.2.3", False),
        ({"Null": {"x:k": "true"}}, None, True),
        ({"Null": {"x:k": "true"}}, "a", False),
        ({"ForAllValues:StringEquals": {"x:k": ["a"]}}, None, True),
        ({"ForAnyValue:StringEquals": {"x:k": ["a"]}}, None, False),
        ({"StringEquals": {"x:k": "a"}, "Bool": {"x:l": "true"}}, "a", False),
    ],
)  # fmt: skip
def test_conditions_hold_as_in_iam(condition, value, holds):
    """All operators and keys have to hold, one value of a key is enough."""
    given = {} if value is None else {"x_k": value}
    found = verdict(statement(Condition=condition), **given)
    assert found == ("allowed" if holds else "implicitDeny")


def test_a_denial_with_a_condition_that_does_not_hold_denies_nothing():
    """It is as if the statement were not there."""
    denied = statement("Deny", Condition={"StringEquals": {"x:k": "a"}})["Statement"]
    document = {"Statement": [statement()["Statement"], denied]}
    assert verdict(document) == "allowed"
    assert verdict(document, x_k="a") == "explicitDeny"


@pytest.mark.parametrize(
    "document", ["{", {}, {"Statement": []}, {"Statement": [{"Effect": "allow"}]}]
)
def test_what_is_no_policy_is_refused(document):
    """Also an effect in the wrong case."""
    with pytest.raises(PolicyError, match=r"^p: "):
        Policy.read("p", document)
