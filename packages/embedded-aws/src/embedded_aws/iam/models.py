"""IAM's state: moto's, with SageMaker's execution role and AWS's managed policies."""

import json
import re
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.exceptions import (
    DeleteConflictException,
    IAMException,
    MalformedPolicyDocument,
    NotFoundException,
)
from moto.iam.models import (
    AWSManagedPolicy,
    IAMBackend,
    ManagedPolicy,
    Role,
    iam_backends,
)

from embedded_aws.account import ROLE_NAME
from embedded_aws.iam.policies import Policy, PolicyError

OF_AWS = re.compile(r"arn:aws[a-z-]*:iam::aws:policy/")
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


class NotAuthorizedError(IAMException):
    """Report what only AWS may do."""

    code = "AccessDenied"


class Backend(IAMBackend):
    """Keep IAM's state, which starts with the execution role.

    Of the policies that AWS manages `managed_policies` holds those in use, which are
    then kept with the account's own.
    """

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
        self._check_boundary(more.get("permissions_boundary"))
        return super().create_role(role_name, *arguments, **more)

    def put_role_permissions_boundary(
        self, role_name: str, permissions_boundary: str
    ) -> None:
        """Bound a role by a policy, which must exist."""
        self._check_boundary(permissions_boundary)
        super().put_role_permissions_boundary(role_name, permissions_boundary)

    def _check_boundary(self, arn: str | None) -> None:
        if arn and self.policy_arn_regex.match(arn) and not self._find(arn):
            text = f"Scope ARN: {arn} does not exist or is not attachable."
            raise NotFoundException(text)

    def update_assume_role_policy(self, role_name: str, policy_document: str) -> None:
        """Change the trust policy of a role; moto takes fewer actions than IAM."""
        check_trust(policy_document)
        self.get_role(role_name).assume_role_policy_document = policy_document

    @cached_property
    def policies_of_aws(self) -> dict[str, ManagedPolicy]:
        """Return what AWS manages, by ARN; moto would have it at every start."""
        policies = [
            AWSManagedPolicy.from_data(name, self.account_id, self.region_name, data)
            for name, data in json.loads(aws_managed_policies_data).items()
        ]
        return {policy.arn: policy for policy in policies}

    def _find(self, arn: str) -> ManagedPolicy | None:
        found = self.managed_policies.get(arn)
        if not found and OF_AWS.match(arn):
            found = self.policies_of_aws.get(arn)
        return found

    def get_policy(self, policy_arn: str) -> ManagedPolicy:
        """Return a policy of the account, or of AWS."""
        return self._find(policy_arn) or super().get_policy(policy_arn)

    def list_policies(
        self,
        marker: str | None,
        max_items: int,
        only_attached: bool,
        path_prefix: str,
        scope: str,
    ) -> tuple[Iterable[ManagedPolicy], str | None]:
        """Return a page of policies: of the account, of AWS, or of both."""
        found = self.managed_policies
        if scope != "Local" and not only_attached:
            found = self.policies_of_aws | found
        chosen = [
            policy
            for arn, policy in found.items()
            if (policy.attachment_count or not only_attached)
            and scope in ("All", "AWS" if OF_AWS.match(arn) else "Local")
        ]
        return self._filter_attached_policies(chosen, marker, max_items, path_prefix)

    def attach_role_policy(self, policy_arn: str, role_name: str) -> None:
        """Attach a policy to a role."""
        self._use(policy_arn)
        super().attach_role_policy(policy_arn, role_name)

    def attach_group_policy(self, policy_arn: str, group_name: str) -> None:
        """Attach a policy to a group."""
        self._use(policy_arn)
        super().attach_group_policy(policy_arn, group_name)

    def attach_user_policy(self, policy_arn: str, user_name: str) -> None:
        """Attach a policy to a user."""
        self._use(policy_arn)
        super().attach_user_policy(policy_arn, user_name)

    def _use(self, arn: str) -> None:
        if found := self._find(arn):
            self.managed_policies[arn] = found

    def delete_policy(self, policy_arn: str) -> None:
        """Delete a policy that is not in use; moto deletes any."""
        policy = self.get_policy(policy_arn)
        if policy.attachment_count:
            text = "Cannot delete a policy attached to entities."
            raise DeleteConflictException(text)
        if len(policy.versions) > 1:
            raise DeleteConflictException(
                "This policy has more than one version. Before you delete a policy, "
                "you must delete the policy's versions. The default version is deleted "
                "with the policy."
            )
        super().delete_policy(policy_arn)


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
