"""What the roles of docs/circleci.md may do, by the policies of docs/policies/."""

import re
import runpy
from importlib.util import find_spec
from pathlib import Path

import botocore.session
import permissions
import pytest
from botocore import xform_name
from clones import ROOT
from embedded_aws.iam.policies import Policy, as_list, decide
from first_day import BUCKET, EXECUTION_ROLE, PAGE, POLICIES, follow
from permissions import LOGS, S3, SAGEMAKER, Need, documented, filled, refused

PACKAGE = f"{SAGEMAKER}:model-package/churn/1"
FRAUD = f"{SAGEMAKER}:model-package/fraud/1"
ENDPOINT = f"{SAGEMAKER}:endpoint/churn"
OBJECT = f"arn:aws:s3:::{BUCKET}/churn/runs/r1"
SUBJECT = (
    "org/00000000-0000-0000-0000-000000000000"
    "/project/00000000-0000-0000-0000-000000000001"
    "/user/22222222-2222-2222-2222-222222222222"
    "/vcs-origin/github.com/team/models/vcs-ref/refs/heads/main"
)


def test_another_default_branch_is_one_edit(tmp_path: Path):
    """It gets into the trust policy and the expressions."""
    day = follow(tmp_path / "clone", branch="trunk")
    trust = (tmp_path / "clone" / "build" / "policies" / "trust-main.json").read_text()
    assert "refs/heads/trunk" in trust
    assert 'pipeline.git.branch == "trunk"' in day.printed[0]
    assert 'pipeline.config.ref == "refs/heads/trunk"' in day.printed[1]
    assert "main" not in trust + "".join(day.printed)


def test_the_sdk_accepts_the_execution_role():
    """It simulates a list of actions without resources, and refuses what lacks one.

    Without the actions of EC2 it does, as docs/circleci.md says.
    """
    installed = Path(find_spec("sagemaker").submodule_search_locations[0])
    listed = runpy.run_path(str(installed / "core" / "helper" / "iam_policies.py"))
    asked = [
        Need(action=action)
        for policy in listed["IAM_POLICY_CONFIG"]["training"]["policies"].values()
        for one in policy["Statement"]
        if one["Resource"] == "*"
        for action in one["Action"]
    ]
    assert len(asked) > 5
    assert refused(documented("execution"), asked) == []
    lacking = filled("execution")
    lacking["Statement"] = [
        one for one in lacking["Statement"] if "ec2:DescribeVpcs" not in one["Action"]
    ]
    less = refused([Policy.read("less", lacking)], asked)
    assert less and {one.action.partition(":")[0] for one in less} == {"ec2"}


PENDING = {"sagemaker:ModelApprovalStatus": ["PendingManualApproval"]}
APPROVED = {"sagemaker:ModelApprovalStatus": ["Approved"]}
TO_SAGEMAKER = {"iam:PassedToService": ["sagemaker.amazonaws.com"]}


@pytest.mark.parametrize(
    ("role", "action", "resource", "context", "may"),
    [
        ("trainer", "sagemaker:CreateModelPackage", PACKAGE, PENDING, True),
        ("trainer", "sagemaker:CreateModelPackage", PACKAGE, APPROVED, False),
        ("trainer", "sagemaker:CreateModelPackage", PACKAGE, {}, False),
        ("trainer", "sagemaker:UpdateModelPackage", PACKAGE, APPROVED, False),
        ("trainer", "sagemaker:UpdateModelPackage", PACKAGE, {}, False),
        ("trainer", "sagemaker:UpdateEndpoint", ENDPOINT, {}, False),
        ("trainer", "sagemaker:AddTags", ENDPOINT, {}, False),
        ("trainer", "s3:PutObject", f"{OBJECT}/train/train.csv", {}, True),
        ("trainer", "s3:PutObjectTagging", f"{OBJECT}/train/train.csv", {}, True),
        ("trainer", "s3:PutObjectTagging", f"{OBJECT}/model/model.tar.gz", {}, False),
        ("trainer", "s3:PutObjectTagging", f"{OBJECT}/evidence/a.json", {}, False),
        ("trainer", "s3:DeleteObject", f"{OBJECT}/model/model.tar.gz", {}, False),
        ("trainer", "s3:GetObject", "arn:aws:s3:::other/a", {}, False),
        ("trainer", "iam:PassRole", EXECUTION_ROLE, TO_SAGEMAKER, True),
        ("trainer", "iam:PassRole", f"{EXECUTION_ROLE}2", TO_SAGEMAKER, False),
        ("trainer", "iam:PassRole", EXECUTION_ROLE, {}, False),
        ("trainer", "logs:GetLogEvents", f"{LOGS}:/aws/lambda/f:*", {}, False),
        ("approver", "sagemaker:UpdateModelPackage", PACKAGE, APPROVED, True),
        ("approver", "sagemaker:UpdateEndpoint", ENDPOINT, {}, False),
        ("approver", "s3:PutObject", f"{OBJECT}/evidence/a.json", {}, False),
        ("approver", "iam:PassRole", EXECUTION_ROLE, TO_SAGEMAKER, False),
        ("deployer", "sagemaker:UpdateEndpoint", ENDPOINT, {}, True),
        ("deployer", "sagemaker:UpdateModelPackage", PACKAGE, APPROVED, False),
        ("deployer", "sagemaker:CreateTrainingJob", "*", {}, False),
        ("deployer", "s3:DeleteObject", f"{OBJECT}/model/model.tar.gz", {}, False),
        ("deployer", "s3:PutObjectTagging", f"{OBJECT}/model/model.tar.gz", {}, False),
        ("deployer", "s3:DeleteObjectTagging", f"{OBJECT}/train/train.csv", {}, True),
        ("execution", "sagemaker:UpdateModelPackage", PACKAGE, APPROVED, False),
        ("execution", "sagemaker:UpdateEndpoint", ENDPOINT, {}, False),
        ("execution", "s3:GetObject", "arn:aws:s3:::raw-tables/sizes.csv", {}, False),
        ("raw-data", "s3:GetObject", "arn:aws:s3:::raw-tables/sizes.csv", {}, True),
        ("raw-data", "s3:PutObject", "arn:aws:s3:::raw-tables/sizes.csv", {}, False),
        ("pre-approved", "sagemaker:CreateModelPackage", FRAUD, APPROVED, True),
        ("pre-approved", "sagemaker:CreateModelPackage", PACKAGE, APPROVED, False),
        ("key", "kms:Decrypt", permissions.VALUES["KEY"], {}, True),
    ],
)  # fmt: skip
def test_a_role_may_do_its_own_work_only(role, action, resource, context, may):
    """Train or approve or serve; nothing of the others."""
    decision = decide(documented(role), action, resource, context)
    assert decision.is_allowed == may


ISSUER = "oidc.circleci.com/org/00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(
    ("policy", "change", "may"),
    [
        ("trust", {}, True),
        ("trust", {"sub": SUBJECT.replace("main", "feature")}, True),
        ("trust", {"oidc.circleci.com/project-id": "another"}, False),
        ("trust", {"aud": "another"}, False),
        ("trust-main", {}, True),
        ("trust-main", {"sub": SUBJECT.replace("main", "feature")}, False),
        ("trust-main", {"sub": SUBJECT.replace("main", "main2")}, False),
        ("trust-main", {"sub": SUBJECT.replace("team/models", "evil/models")}, False),
        # A branch whose name contains the rest of the subject.
        (
            "trust-main",
            {"sub": SUBJECT.replace("refs/heads/main", f"refs/heads/{SUBJECT[-60:]}")},
            False,
        ),
    ],
)
def test_a_role_trusts_the_jobs_of_this_project(policy, change, may):
    """The deployer those of the default branch alone."""
    claims = {
        "aud": permissions.VALUES["ORG"],
        "oidc.circleci.com/project-id": permissions.VALUES["PROJECT"],
        "sub": SUBJECT,
        **change,
    }
    context = {f"{ISSUER}:{name}": [value] for name, value in claims.items()}
    action = "sts:AssumeRoleWithWebIdentity"
    assert decide(documented(policy), action, context=context).is_allowed == may


def test_only_training_jobs_write_archives():
    """Whoever else may write in the bucket is refused, and may not let them expire."""
    archive = f"{OBJECT}/model/job/output/model.tar.gz"
    verdicts = {
        (action, who): decide(
            documented("bucket", "execution"),
            action,
            archive,
            {"aws:PrincipalArn": [who]},
        ).verdict
        for action in ("s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObject")
        for who in (EXECUTION_ROLE, f"{EXECUTION_ROLE}-other")
    }
    assert verdicts["s3:PutObject", EXECUTION_ROLE] == "allowed"
    others = [v for (_, who), v in verdicts.items() if who != EXECUTION_ROLE]
    assert others == ["explicitDeny"] * 3
    golden = f"{OBJECT}/evidence/job/golden.json"
    assert (
        decide(documented("bucket"), "s3:PutObject", golden).verdict == "implicitDeny"
    )


def test_the_page_leads_to_every_policy():
    """And names the tag of what may expire."""
    page = PAGE.read_text(encoding="utf-8")
    for file in POLICIES.iterdir():
        assert f"policies/{file.name}" in page
    (rule, _) = filled("lifecycle")["Rules"]
    assert rule["Filter"] == {"Tag": {"Key": "may-expire", "Value": "true"}}
    assert "`may-expire=true`" in page


# A method that is called, but of no regular expression; or what a paginator calls.
CALL = re.compile(r"(?<![A-Z_])(?<!\bre)\.(\w+)\(|get_paginator\(\s*\"(\w+)\"")
PREFIXES = {"resourcegroupstaggingapi": "tag", "sagemaker-runtime": "sagemaker"}


def called() -> dict[str, str]:
    """Name the actions of AWS that lifecycle calls, each with a file that does."""
    session, found = botocore.session.get_session(), {}
    for file in sorted((ROOT / "lifecycle").rglob("*.py")):
        code = file.read_text(encoding="utf-8")
        names = {one or other for one, other in CALL.findall(code)}
        for service in set(re.findall(r'client\("([\w-]+)"\)', code)) - {"sts"}:
            prefix = PREFIXES.get(service, service)
            for operation in session.get_service_model(service).operation_names:
                if xform_name(operation) in names:
                    known = S3[operation] if service == "s3" else operation
                    found[f"{prefix}:{known}"] = file.name
    return found


def test_some_role_may_do_each_call_that_lifecycle_makes():
    """Also those that only a trouble leads to, which no story runs into."""
    actions = called()
    assert len(actions) > 20
    policies = documented("trainer", "approver", "deployer")
    allowed = [
        pattern
        for policy in policies
        for one in policy.statements
        for pattern in as_list(one["Action"])
    ]
    assert {one: file for one, file in actions.items() if one not in allowed} == {}
