"""AWS for all of `lifecycle`: settings, clients, errors, waiting, tags and logs.

Bucket, role and region come from the environment, the one thing that differs between
a laptop and AWS: boto3 honours `AWS_ENDPOINT_URL` by itself.
"""

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal, overload
from urllib.parse import urlsplit

from lifecycle.errors import AwsError, ConfigurationError

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker.type_defs import TagTypeDef
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient
    from mypy_boto3_sts import STSClient

# The error codes of missing, wrong or expired credentials.
CREDENTIAL_CODES = frozenset(
    """
    AuthFailure ExpiredToken ExpiredTokenException IncompleteSignature
    InvalidAccessKeyId InvalidClientTokenId InvalidSignatureException InvalidToken
    SignatureDoesNotMatch UnrecognizedClientException
    """.split()  # noqa: SIM905, a column of codes reads better unquoted
)
# How AWS refuses a signature of another time, as a code or in words only.
CLOCK_SIGNS = re.compile(
    r"RequestTimeTooSkewed|RequestExpired|Signature (expired|not yet current)"
)
# boto3 is not safe to make two clients at once.
CLIENT_LOCK = RLock()
CLOCK_REMEDY = "the clock of this machine is wrong: set it, for instance with NTP"
CREDENTIALS_REMEDY = (
    "in CircleCI give the job a context with OIDC or access keys; on a laptop run "
    "`aws sso login`, or leave AWS out with `--target local`"
)

# What the runner fills into a notebook's parameter `run`: the id, fingerprint, commit
# and address of the run, and by stage the results of the stages before. Empty where a
# person runs the notebook.
Run = Mapping[str, Any]

# Is called with a line for each step of what takes long.
Progress = Callable[[str], None]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
NOT_FOUND = ("could not find", "not found", "not exist")

FIRST_POLL_SECONDS = 0.05
LAST_POLL_SECONDS = 15.0
POLL_GROWTH = 1.3

# What AWS does not accept in the values of tags and of package metadata.
FORBIDDEN_CHARACTERS = re.compile(r"[^\w .:/=+\-@]")
MAX_VALUE = 256
# In keys `=` begins the code of a byte.
FORBIDDEN_IN_KEYS = re.compile(r"[^\w .:/+\-@]")
ENCODED = re.compile(r"(=[0-9A-F]{2})+")


def region() -> str:
    """Return the AWS region.

    Raises:
        ConfigurationError: neither AWS_DEFAULT_REGION nor AWS_REGION is set.
    """
    for variable in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        if name := os.environ.get(variable):
            return name
    raise ConfigurationError(
        "AWS_DEFAULT_REGION: not set; export the AWS region, or lead to the embedded "
        "AWS of a clone: `make lab`, or `runner local -- COMMAND`"
    )


def role() -> str:
    """Return the ARN of the role that training jobs and endpoints run as."""
    if arn := os.environ.get("SAGEMAKER_EXECUTION_ROLE_ARN"):
        return arn
    raise ConfigurationError(
        "SAGEMAKER_EXECUTION_ROLE_ARN: not set; export the ARN of the role that "
        "SageMaker's training jobs and endpoints run as"
    )


def bucket() -> str:
    """Return the bucket of all runs: SAGEMAKER_BUCKET, else SageMaker's default."""
    if name := os.environ.get("SAGEMAKER_BUCKET"):
        return name
    return f"sagemaker-{region()}-{_account(_environment())}"


def run_id_of(run: Run) -> str:
    """Return a run's id: "local" in a notebook that a person runs in JupyterLab."""
    return str(run.get("run_id") or "local")


def run_uri(model: str, run: Run | str, *parts: str) -> str:
    """Return an S3 URI below the prefix of one run, which no other run writes to.

    Args:
        run: the run as notebooks have it, or its id.
    """
    run_id = run if isinstance(run, str) else run_id_of(run)
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
    """Return the client of an AWS service, made once for all threads."""
    with CLIENT_LOCK:
        return _client(service, _environment())


def boto_session() -> Any:
    """Return the boto3 session, which is made once."""
    with CLIENT_LOCK:
        return _boto_session(_environment())


def _environment() -> tuple[str, ...]:
    """Return what identifies the AWS account in use: the key of all caches here."""
    variables = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_PROFILE")
    return (region(), *(os.environ.get(variable, "") for variable in variables))


@cache
def _account(_environment: tuple[str, ...]) -> str:
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
        # No retry repeats what costs money: the names of training jobs and endpoints
        # can be used only once, and registering a package sends a client token.
        retries={"mode": "standard", "total_max_attempts": 5},
        connect_timeout=10,
        # An endpoint may take 60 seconds to answer.
        read_timeout=70,
    )
    made = _boto_session(environment).client(service, config=config)
    made.meta.events.register("after-call", _refuse_credentials)
    return made


def _refuse_credentials(parsed: dict[str, Any], **_: Any) -> None:
    """Name the remedy wherever AWS refuses the credentials or the clock."""
    error = parsed.get("Error", {})
    code, message = error.get("Code"), error.get("Message") or "refused"
    if CLOCK_SIGNS.search(f"{code} {message}"):
        raise ConfigurationError(f"AWS: {code}, {message}; {CLOCK_REMEDY}")
    if code in CREDENTIAL_CODES:
        raise ConfigurationError(
            f"AWS credentials: {code}, {message}; {CREDENTIALS_REMEDY}"
        )


@contextmanager
def aws_errors() -> Iterator[None]:
    """Turn what boto3 raises into one line, where the caller has no better words.

    Raises:
        AwsError: AWS refused a call or did not answer.
        ConfigurationError: the named profile does not exist.
    """
    from botocore import exceptions

    try:
        yield
    except exceptions.ClientError as error:
        raise AwsError(
            f"AWS refuses {error.operation_name}: {error_code(error)}, "
            f"{error_message(error)}"
        ) from error
    except exceptions.ProfileNotFound as error:
        raise ConfigurationError(_no_profile(error.kwargs["profile"])) from error
    except (
        exceptions.EndpointConnectionError,
        exceptions.ConnectTimeoutError,
    ) as error:
        raise AwsError(_no_answer(str(error))) from error
    except exceptions.BotoCoreError as error:
        raise AwsError(f"AWS: {error}") from error


def error_code(error: "ClientError") -> str:
    """Return the error code of an AWS response."""
    return str(error.response["Error"].get("Code", ""))


def error_message(error: "ClientError") -> str:
    """Return the message of an AWS error response."""
    return str(error.response["Error"].get("Message", ""))


@contextmanager
def ignore_not_found() -> Iterator[None]:
    """Leave the block when SageMaker reports that a resource does not exist."""
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if not _is_not_found(error):
            raise


def polls(limit_seconds: float) -> Iterator[float]:
    """Yield the seconds waited so far, at growing intervals, a last time at the limit.

    The first interval is 0.05 s, each next one 1.3 times as long, at most 15 s.
    """
    start = time.monotonic()
    delay = FIRST_POLL_SECONDS
    while True:
        waited = time.monotonic() - start
        yield waited
        left = limit_seconds - (time.monotonic() - start)
        if waited >= limit_seconds or left <= 0:
            return
        time.sleep(min(delay, left))
        delay = min(delay * POLL_GROWTH, LAST_POLL_SECONDS)


def as_tags(values: Mapping[str, str]) -> "list[TagTypeDef]":
    """Return values as tags, with characters that AWS does not accept replaced."""
    return [{"Key": key, "Value": clean_value(value)} for key, value in values.items()]


def clean_value(value: str) -> str:
    """Replace what AWS accepts neither in tags nor in package metadata; at most 256."""
    return FORBIDDEN_CHARACTERS.sub("-", value)[:MAX_VALUE]


def encode_key(name: str) -> str:
    """Return a name as a key of package metadata: what AWS does not accept as =XX."""
    return FORBIDDEN_IN_KEYS.sub(
        lambda one: "".join(f"={byte:02X}" for byte in one[0].encode()), name
    )


def decode_key(key: str) -> str:
    """Return the name that `encode_key` has made a key of."""
    return ENCODED.sub(
        lambda one: bytes.fromhex(one[0].replace("=", "")).decode(errors="replace"), key
    )


def add_tags(arn: str, values: Mapping[str, str]) -> None:
    """Add tags to a SageMaker resource, or change those it has."""
    client("sagemaker").add_tags(ResourceArn=arn, Tags=as_tags(values))


def read_tags(arn: str) -> dict[str, str]:
    """Read all tags of a SageMaker resource."""
    pages = client("sagemaker").get_paginator("list_tags").paginate(ResourceArn=arn)
    return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}


def list_tagged(
    resource_type: str, owner: str = "", **tags: str
) -> Iterator[tuple[str, dict[str, str]]]:
    """List (ARN, tags) of the resources that have an `owner` tag, and these tags.

    Args:
        resource_type: for instance "sagemaker:endpoint".
        owner: the model that owns the resource; any model if empty.
        tags: further tags that must be there; with any value if empty.
    """
    wanted = {"owner": owner} | tags
    pages = client("resourcegroupstaggingapi").get_paginator("get_resources")
    for page in pages.paginate(
        ResourceTypeFilters=[resource_type],
        TagFilters=[
            {"Key": key, "Values": [value]} if value else {"Key": key}
            for key, value in wanted.items()
        ],
        PaginationConfig={"PageSize": 100},
    ):
        for resource in page["ResourceTagMappingList"]:
            found = {tag["Key"]: tag["Value"] for tag in resource["Tags"]}
            yield resource["ResourceARN"], found


def tag_number(tags: Mapping[str, str], key: str) -> int:
    """Read a version number from a tag; 0 if there is none.

    Anybody can write tags, so their values may be anything.
    """
    text = tags.get(key, "")
    return int(text) if text.isdecimal() else 0


def tag_time(tags: Mapping[str, str], key: str) -> datetime | None:
    """Read an ISO 8601 time from a tag; None if it holds no time."""
    try:
        moment = datetime.fromisoformat(tags.get(key, ""))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def utc(moment: datetime) -> str:
    """Return a time as ISO 8601 in UTC with milliseconds, which sorts as text."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def read_log(group: str, stream_prefix: str) -> list[str]:
    """Read all lines of the CloudWatch log streams with this prefix.

    A log group that does not exist has no lines.
    """
    from botocore.exceptions import ClientError

    paginator = client("logs").get_paginator("describe_log_streams")
    pages = paginator.paginate(logGroupName=group, logStreamNamePrefix=stream_prefix)
    try:
        names = [one["logStreamName"] for page in pages for one in page["logStreams"]]
    except ClientError as error:
        if error_code(error) != "ResourceNotFoundException":
            raise
        return []
    return [line for name in names for line in _log_lines(group, name)]


def tail_log(group: str, *, lines: int, stream_prefix: str = "") -> list[str]:
    """Read the last lines of a CloudWatch log stream; none if it cannot be read.

    Without a prefix it is the stream that was written to last. A missing group or
    permission is no error: it must not hide the failure that the log is read for.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    logs = client("logs")
    latest: dict[str, Any] = {"orderBy": "LastEventTime", "descending": True}
    chosen = {"logStreamNamePrefix": stream_prefix} if stream_prefix else latest
    try:
        streams = logs.describe_log_streams(logGroupName=group, **chosen)["logStreams"]
        if not streams:
            return []
        name = streams[-1 if stream_prefix else 0]["logStreamName"]
        page = logs.get_log_events(logGroupName=group, logStreamName=name, limit=lines)
    except (ClientError, BotoCoreError):
        return []
    return [event["message"].rstrip() for event in page["events"]]


def _is_not_found(error: "ClientError") -> bool:
    """Return whether SageMaker refused a call because a resource does not exist.

    For most resources SageMaker has no error code for it, only these words in the
    message.
    """
    if error_code(error) == "ResourceNotFound":
        return True
    message = error_message(error).lower()
    return any(words in message for words in NOT_FOUND)


def _log_lines(group: str, stream: str) -> list[str]:
    """Page through one log stream; CloudWatch repeats the last token at its end."""
    lines: list[str] = []
    token: dict[str, Any] = {}
    while True:
        page = client("logs").get_log_events(
            logGroupName=group, logStreamName=stream, startFromHead=True, **token
        )
        lines += [event["message"].rstrip() for event in page["events"]]
        following = page["nextForwardToken"]
        if token.get("nextToken") == following:
            return lines
        token = {"nextToken": following}


def _no_profile(name: str) -> str:
    """Say where a profile was looked for."""
    place = os.environ.get("AWS_CONFIG_FILE", "~/.aws/config")
    return (
        f"AWS_PROFILE={name}: no such profile in {place}; name another, or unset "
        "AWS_PROFILE"
    )


def _no_answer(message: str) -> str:
    """Name the endpoint that does not answer, and how to start it on this machine."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if not endpoint:
        return f"AWS: {message}"
    url = urlsplit(endpoint)
    remedy = "is it running?"
    if url.hostname in LOOPBACK and url.port:
        remedy = (
            f"start `python -m runner local --port {url.port}` again, or unset the "
            "variables that it printed (AWS_ENDPOINT_URL, AWS_PROFILE, ...)"
        )
    return f"nothing answers at AWS_ENDPOINT_URL={endpoint}; {remedy}"
