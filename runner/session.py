"""The only maker of AWS clients, and the only reader of bucket, role and region.

They come from the environment, the one thing that differs between a laptop and AWS:
`AWS_ENDPOINT_URL`, which boto3 honours by itself, is the whole switch.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal, overload

from runner.errors import AwsError, ConfigurationError
from runner.unreachable import no_answer, no_profile

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient
    from mypy_boto3_sts import STSClient

# What AWS answers when it does not know, or no longer believes, the caller.
CREDENTIAL_CODES = frozenset(
    """
    AuthFailure ExpiredToken ExpiredTokenException IncompleteSignature
    InvalidAccessKeyId InvalidClientTokenId InvalidSignatureException InvalidToken
    SignatureDoesNotMatch UnrecognizedClientException
    """.split()  # noqa: SIM905, a column of codes reads better unquoted
)
# What AWS answers to a signature of another time, as a code or in words only.
CLOCK_SIGNS = re.compile(
    r"RequestTimeTooSkewed|RequestExpired|Signature (expired|not yet current)"
)
# boto3 makes one client at a time.
MAKING = RLock()
CLOCK_REMEDY = "the clock of this machine is wrong: set it, for instance with NTP"
CREDENTIALS_REMEDY = (
    "in CircleCI give the job a context with OIDC or access keys; on a laptop run "
    "`aws sso login`, or leave AWS out with `--target local`"
)


def region() -> str:
    """Name the AWS region."""
    for variable in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        if name := os.environ.get(variable):
            return name
    raise ConfigurationError("AWS_DEFAULT_REGION: not set; export the AWS region")


def role() -> str:
    """Name the role that training jobs and endpoints run as."""
    if arn := os.environ.get("SAGEMAKER_EXECUTION_ROLE_ARN"):
        return arn
    raise ConfigurationError(
        "SAGEMAKER_EXECUTION_ROLE_ARN: not set; export the ARN of the role that "
        "SageMaker's training jobs and endpoints run as"
    )


def bucket() -> str:
    """Name the bucket that holds all runs: the account's SageMaker one by default."""
    if name := os.environ.get("SAGEMAKER_BUCKET"):
        return name
    return f"sagemaker-{region()}-{_account(_environment())}"


def run_uri(model: str, run_id: str, *parts: str) -> str:
    """Place something of one run: no run ever writes where another one did."""
    return "/".join((f"s3://{bucket()}/{model}/runs/{run_id}", *parts))


@overload
def client(service: Literal["iam"]) -> "IAMClient": ...
@overload
def client(service: Literal["logs"]) -> "CloudWatchLogsClient": ...
@overload
def client(service: Literal["s3"]) -> "S3Client": ...
@overload
def client(service: Literal["sagemaker"]) -> "SageMakerClient": ...
@overload
def client(service: Literal["sagemaker-runtime"]) -> "SageMakerRuntimeClient": ...
@overload
def client(service: Literal["sts"]) -> "STSClient": ...
@overload
def client(service: str) -> Any: ...
def client(service: str) -> Any:
    """Give the client of an AWS service, made once, whichever thread asks first."""
    with MAKING:
        return _client(service, _environment())


def boto_session() -> Any:
    """Give boto3's session, made once."""
    with MAKING:
        return _boto_session(_environment())


@contextmanager
def aws_errors() -> Iterator[None]:
    """Say in one line what AWS refused, where no better words were found."""
    from botocore import exceptions

    try:
        yield
    except exceptions.ClientError as error:
        said = error.response["Error"]
        raise AwsError(
            f"AWS refuses {error.operation_name}: {said['Code']}, {said['Message']}"
        ) from error
    except exceptions.ProfileNotFound as error:
        raise ConfigurationError(no_profile(error.kwargs["profile"])) from error
    except (
        exceptions.EndpointConnectionError,
        exceptions.ConnectTimeoutError,
    ) as error:
        raise AwsError(no_answer(str(error))) from error
    except exceptions.BotoCoreError as error:
        raise AwsError(f"AWS: {error}") from error


def _environment() -> tuple[str, ...]:
    """Know one environment from the next, so that no client outlives its own."""
    variables = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_PROFILE")
    return (region(), *(os.environ.get(variable, "") for variable in variables))


@cache
def _account(environment: tuple[str, ...]) -> str:
    return str(client("sts").get_caller_identity()["Account"])


@cache
def _boto_session(environment: tuple[str, ...]) -> Any:
    import boto3

    session = boto3.Session(region_name=environment[0])
    if session.get_credentials() is None:
        raise ConfigurationError(f"AWS credentials: none found; {CREDENTIALS_REMEDY}")
    return session


@cache
def _client(service: str, environment: tuple[str, ...]) -> Any:
    from botocore.config import Config

    config = Config(
        # Bounded; none repeats what costs money: training jobs and endpoints have
        # names that can be used once, and registering sends a token.
        retries={"mode": "standard", "total_max_attempts": 5},
        connect_timeout=10,
        # An endpoint may take 60 seconds to answer.
        read_timeout=70,
    )
    made = _boto_session(environment).client(service, config=config)
    made.meta.events.register("after-call", _refuse_credentials)
    return made


def _refuse_credentials(parsed: dict[str, Any], **_: Any) -> None:
    """Say what to do about credentials wherever AWS turns them down."""
    error = parsed.get("Error", {})
    code, message = error.get("Code"), error.get("Message") or "refused"
    if CLOCK_SIGNS.search(f"{code} {message}"):
        raise ConfigurationError(f"AWS: {code}, {message}; {CLOCK_REMEDY}")
    if code in CREDENTIAL_CODES:
        raise ConfigurationError(
            f"AWS credentials: {code}, {message}; {CREDENTIALS_REMEDY}"
        )
