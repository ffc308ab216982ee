"""The execution role, and what policies allow."""

import json

import pytest
from botocore.exceptions import ClientError
from embedded_account import refusal
from embedded_aws.account import ROLE_ARN, ROLE_NAME
from embedded_aws.iam.policies import Policy, PolicyError, decide

BUCKET = "arn:aws:s3:::models"
OF_AWS = "arn:aws:iam::aws:policy/"
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
        if not policy["PolicyArn"].startswith(OF_AWS):
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


def test_a_role_may_have_policies_that_aws_manages(client, role, name):
    """They are those of AWS, so that SageMaker's reach SageMaker's buckets alone."""
    iam, arn = client("iam"), f"{OF_AWS}AmazonSageMakerFullAccess"
    iam.attach_role_policy(RoleName=name, PolicyArn=arn)

    answer = iam.simulate_principal_policy(
        PolicySourceArn=role,
        ActionNames=["s3:GetObject"],
        ResourceArns=["arn:aws:s3:::a-sagemaker-bucket/a", f"{BUCKET}/a"],
    )

    found = [one["EvalDecision"] for one in answer["EvaluationResults"]]
    assert found == ["allowed", "implicitDeny"]
    attached = iam.list_policies(Scope="AWS", OnlyAttached=True)["Policies"]
    assert arn in [policy["Arn"] for policy in attached]
    policy = iam.get_policy(PolicyArn=arn)["Policy"]
    assert policy["AttachmentCount"] >= 1
    version = policy["DefaultVersionId"]
    read = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]
    assert "sagemaker:*" in read["Document"]["Statement"][0]["Action"]


def test_policies_of_aws_are_listed_and_not_changed(client):
    """By their scope; only AWS may delete them or give them versions."""
    iam = client("iam")
    scopes = {
        scope: [
            policy["Arn"].startswith(OF_AWS)
            for page in iam.get_paginator("list_policies").paginate(
                Scope=scope, PaginationConfig={"PageSize": 1000}
            )
            for policy in page["Policies"]
        ]
        for scope in ("AWS", "Local", "All")
    }
    assert all(scopes["AWS"])
    assert not any(scopes["Local"])
    assert sorted(scopes["All"]) == scopes["Local"] + scopes["AWS"]
    assert len(scopes["AWS"]) > 1000
    arn = f"{OF_AWS}AdministratorAccess"
    assert refusal(iam.delete_policy, PolicyArn=arn)[0] == "AccessDenied"
    unknown = {"RoleName": ROLE_NAME, "PolicyArn": f"{arn}s"}
    code, message = refusal(iam.attach_role_policy, **unknown)
    assert (code, f"{arn}s does not exist" in message) == ("NoSuchEntity", True)


def test_a_policy_in_use_is_not_deleted(client, role, name):
    """Nor one of several versions; a boundary must be a policy that there is."""
    iam = client("iam")
    document = json.dumps(statement())
    made = iam.create_policy(PolicyName=name, PolicyDocument=document)
    arn = made["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=document)
    code, message = refusal(iam.delete_policy, PolicyArn=arn)
    assert (code, "attached" in message) == ("DeleteConflict", True)
    iam.detach_role_policy(RoleName=name, PolicyArn=arn)
    code, message = refusal(iam.delete_policy, PolicyArn=arn)
    assert (code, "more than one version" in message) == ("DeleteConflict", True)
    iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    iam.delete_policy(PolicyArn=arn)
    bound = {"RoleName": name, "PermissionsBoundary": arn}
    assert refusal(iam.put_role_permissions_boundary, **bound)[0] == "NoSuchEntity"


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
