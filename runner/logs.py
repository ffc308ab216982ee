"""The log lines that SageMaker's containers leave in CloudWatch."""

from collections.abc import Sequence
from typing import Any

from runner.session import client

TRACEBACK = (
    "Traceback (most recent",
    "During handling of",
    "The above exception was",
    "Stack trace:",  # XGBoost's own, of its C++
)


def read_log(group: str, prefix: str) -> list[str]:
    """Read all lines of the streams with this prefix."""
    return [line for name in _streams(group, prefix) for line in _lines(group, name)]


def tail(group: str, *, lines: int, prefix: str = "") -> list[str]:
    """Read the last lines of the stream that was written to last; none is no error."""
    from botocore.exceptions import BotoCoreError, ClientError

    logs = client("logs")
    order: dict[str, Any] = {"orderBy": "LastEventTime", "descending": True}
    chosen = {"logStreamNamePrefix": prefix} if prefix else order
    try:
        streams = logs.describe_log_streams(logGroupName=group, **chosen)["logStreams"]
        if not streams:
            return []
        name = streams[-1 if prefix else 0]["logStreamName"]
        page = logs.get_log_events(logGroupName=group, logStreamName=name, limit=lines)
    except (ClientError, BotoCoreError):
        # Neither a missing group nor a missing permission may hide the real failure.
        return []
    return [event["message"].rstrip() for event in page["events"]]


def without_tracebacks(lines: Sequence[str]) -> list[str]:
    """Leave out where in the container an error was raised, and keep the error."""
    kept: list[str] = []
    # The first lines may be the end of one.
    inside = True
    for line in lines:
        if line.startswith(TRACEBACK):
            inside = True
        elif line.strip() and not (inside and line[0].isspace()):
            inside = False
            kept.append(line)
    return kept


def _streams(group: str, prefix: str) -> list[str]:
    from botocore.exceptions import ClientError

    paginator = client("logs").get_paginator("describe_log_streams")
    pages = paginator.paginate(logGroupName=group, logStreamNamePrefix=prefix)
    try:
        return [one["logStreamName"] for page in pages for one in page["logStreams"]]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return []


def _lines(group: str, stream: str) -> list[str]:
    """Page through one stream; CloudWatch repeats the last token at its end."""
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
