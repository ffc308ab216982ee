"""IAM's state: moto's, with the execution role of SageMaker."""

import json

from moto.iam.models import IAMBackend, iam_backends

from embedded_aws.account import ROLE_NAME

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


def install() -> None:
    """Put this backend in the place of moto's."""
    iam_backends.backend = Backend
