"""The one account of the embedded AWS."""

from pathlib import Path

ACCOUNT_ID = "123456789012"
REGION = "us-east-1"
ROLE_NAME = "SageMakerExecutionRole"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT_ID}:role/{ROLE_NAME}"
DEFAULT_BUCKET = f"sagemaker-{REGION}-{ACCOUNT_ID}"
PUBLIC_BUCKET = "sagemaker-sample-files"
# What a call of a control path carries, and where a client finds it.
TOKEN_HEADER = "X-Embedded-Token"
TOKEN_VARIABLE = "EMBEDDED_AWS_TOKEN"
# A profile of the developer's could name another endpoint or be missing: the empty
# default profile in this file takes its place. It outlives every server, so that what a
# shell has exported can be used again.
CONFIG = str(Path(__file__).with_name("aws-config"))


def environment(url: str, token: str) -> dict[str, str]:
    """Return the variables that send every AWS client to the embedded AWS.

    Args:
        token: lets who has it inject faults.
    """
    return {
        "AWS_ENDPOINT_URL": url,
        TOKEN_VARIABLE: token,
        "AWS_ACCESS_KEY_ID": "AKIAEMBEDDEDEXAMPLE1",
        "AWS_SECRET_ACCESS_KEY": "unused",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_PROFILE": "default",
        "AWS_DEFAULT_PROFILE": "default",
        "AWS_CONFIG_FILE": CONFIG,
        "AWS_SHARED_CREDENTIALS_FILE": CONFIG,
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
        # A proxy, if one is set, is not for this machine.
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "AWS_EC2_METADATA_DISABLED": "true",
        "SAGEMAKER_EXECUTION_ROLE_ARN": ROLE_ARN,
        "SAGEMAKER_BUCKET": DEFAULT_BUCKET,
    }
