"""STS's state: moto's, in which only a role that exists can be assumed."""

from typing import Any

from moto.core.exceptions import ServiceException
from moto.iam.models import iam_backends
from moto.sts.models import AssumedRole, STSBackend, sts_backends


class NotAuthorizedError(ServiceException):
    """Report a role that nobody may assume, as it does not exist."""

    def __init__(self, arn: str) -> None:
        text = (
            f"Not authorized to perform sts:AssumeRole on {arn}: there is no such role"
        )
        super().__init__("AccessDenied", text)


class Backend(STSBackend):
    """Assume roles of this account."""

    def assume_role(  # type: ignore[override]
        self, region_name: str, role_session_name: str, role_arn: str, **more: Any
    ) -> AssumedRole:
        """Assume a role; who asks for it is not checked."""
        roles = iam_backends[self.account_id][self.partition].roles.values()
        if role_arn not in {role.arn for role in roles}:
            raise NotAuthorizedError(role_arn)
        return super().assume_role(region_name, role_session_name, role_arn, **more)


def install() -> None:
    """Put this backend in the place of moto's."""
    sts_backends.backend = Backend
