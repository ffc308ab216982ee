"""What an endpoint serves now, read from AWS and never from memory."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from runner.deployment import read_tags
from runner.errors import EndpointError
from runner.missing import missing_ok
from runner.session import client
from runner.tags import number_in, time_in
from runner.waiting import polls

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import DescribeEndpointOutputTypeDef

MOVING = frozenset(
    {"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"}
)
Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Live:
    """What an endpoint serves, since when, and where that came from."""

    endpoint: str
    arn: str
    config: str
    config_arn: str
    status: str
    reason: str
    since: datetime
    # When anything about the endpoint changed last, a failed deploy's update included.
    modified: datetime
    package: str
    version: int
    fingerprint: str
    commit: str
    run_id: str
    # The config that was verified last: another one, where a deploy was interrupted.
    trusted: str
    # The content that somebody went back from, and that must not return by itself.
    rolled_back_from: str
    # The config that somebody began to go back to.
    goes_back_to: str
    # The version that a deploy was last begun of, as long as none has verified it.
    attempted: int

    @property
    def is_verified(self) -> bool:
        """Tell whether a deploy has verified what is served now."""
        return self.trusted == self.config

    def serves(self, config: str) -> bool:
        """Tell whether this very config answers requests."""
        return self.status == "InService" and self.config == config

    def __str__(self) -> str:
        return f"version {self.version} ({self.config}, {self.status})"


def utc(moment: datetime) -> str:
    """Write a time so that it compares with others, wherever it was read."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def live(model: str) -> Live | None:
    """Read what a model's endpoint serves; nothing, when there is no endpoint."""
    answer = _describe(model)
    return _read(answer) if answer else None


def served_config(name: str) -> str:
    """Name the config that an endpoint serves; nothing, when there is none."""
    answer = _describe(name)
    return answer["EndpointConfigName"] if answer else ""


def settled(name: str, deadline: float, on_progress: Progress) -> Live | None:
    """Wait until an endpoint stops changing; nothing, when there is none."""
    seen = ""
    for _ in polls(deadline - time.monotonic()):
        answer = _describe(name)
        if not answer:
            return None
        status = answer["EndpointStatus"]
        if status not in MOVING:
            return _read(answer)
        if status != seen:
            on_progress(f"endpoint {name}: {status}")
        seen = status
    raise EndpointError(
        f"{name}: still {seen or 'changing'} at the time limit, and goes on in "
        "SageMaker; run the same command again to wait for it"
    )


def delete(name: str, deadline: float) -> None:
    """Delete an endpoint and wait until it is gone."""
    client("sagemaker").delete_endpoint(EndpointName=name)
    settled(name, deadline, on_progress=lambda _: None)


def _describe(name: str) -> "DescribeEndpointOutputTypeDef | None":
    with missing_ok():
        return client("sagemaker").describe_endpoint(EndpointName=name)
    return None


def _read(answer: "DescribeEndpointOutputTypeDef") -> Live:
    """Tell from its config's tags what an endpoint serves: they change with it."""
    arn, tags = _config(answer["EndpointConfigName"])
    history = read_tags(answer["EndpointArn"])
    modified = datetime.fromisoformat(utc(answer["LastModifiedTime"]))
    trusted = history.get("config", "")
    verified = time_in(history) if trusted == answer["EndpointConfigName"] else None
    return Live(
        endpoint=answer["EndpointName"],
        arn=answer["EndpointArn"],
        config=answer["EndpointConfigName"],
        config_arn=arn,
        status=answer["EndpointStatus"],
        reason=answer.get("FailureReason", ""),
        since=verified or modified,
        modified=modified,
        package=tags.get("package", ""),
        version=number_in(tags),
        fingerprint=tags.get("fingerprint", ""),
        commit=tags.get("commit", ""),
        run_id=tags.get("run_id", ""),
        trusted=trusted,
        rolled_back_from=history.get("rolled_back_from", ""),
        goes_back_to=history.get("goes_back_to", ""),
        attempted=number_in(history, "attempted"),
    )


def _config(name: str) -> tuple[str, dict[str, str]]:
    """Find a config's ARN and tags; an endpoint goes on without its config."""
    with missing_ok():
        config = client("sagemaker").describe_endpoint_config(EndpointConfigName=name)
        return config["EndpointConfigArn"], read_tags(config["EndpointConfigArn"])
    return "", {}
