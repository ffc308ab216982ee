"""IAM's state: moto's, with the execution role of SageMaker."""

import json
from typing import Any

from moto.iam.exceptions import MalformedPolicyDocument
from moto.iam.models import IAMBackend, Role, iam_backends

from embedded_aws.account import ROLE_NAME
from embedded_aws.iam.policies import Policy, PolicyError

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "sagemaker.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


class Backend(IAMBackend):
    """Keep IAM's state, which starts with the execution role."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.create_role(
            role_name=ROLE_NAME,
            assume_role_policy_document=json.dumps(TRUST),
            path="/",
            permissions_boundary=None,
            description="What SageMaker may do for the models.",
            tags=[],
            max_session_duration="3600",
        )

    def create_role(self, role_name: str, *arguments: Any, **more: Any) -> Role:
        """Create a role, whose trust policy is one."""
        check_trust(more.get("assume_role_policy_document", *arguments[:1]))
        return super().create_role(role_name, *arguments, **more)

    def update_assume_role_policy(self, role_name: str, policy_document: str) -> None:
        """Change the trust policy of a role; moto takes fewer actions than IAM."""
        check_trust(policy_document)
        self.get_role(role_name).assume_role_policy_document = policy_document


def check_trust(document: str) -> None:
    """Raise IAM's error for a document that is no trust policy."""
    try:
        policy = Policy.read("the trust policy", document)
    except PolicyError as error:
        raise MalformedPolicyDocument(str(error)) from error
    for statement in policy.statements:
        if not statement.keys() & {"Principal", "NotPrincipal"}:
            raise MalformedPolicyDocument("Trust Policy statement has no Principal")
        if statement.keys() & {"Resource", "NotResource"}:
            raise MalformedPolicyDocument("Has prohibited field Resource")


def install() -> None:
    """Put this backend in the place of moto's."""
    iam_backends.backend = Backend
