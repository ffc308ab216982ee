"""A model's endpoint: what it serves, and what its tags record about its deploys.

Only this module writes the tags of endpoints; those of configs are written here and in
`endpoint_config`.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lifecycle.aws import (
    Progress,
    add_tags,
    as_tags,
    client,
    ignore_not_found,
    list_tagged,
    polls,
    read_tags,
    tag_number,
    tag_time,
    utc,
)
from lifecycle.errors import EndpointError
from lifecycle.registration.packages import Package
from lifecycle.serving.endpoint_config import (
    add_model,
    add_scaling,
    package_tags,
    read_config,
    read_declared_instances,
)
from lifecycle.serving.hosting import Hosting, is_own, own_variant, version_in

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import DescribeEndpointOutputTypeDef

CHANGING = frozenset(
    {"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"}
)
# The endpoint answers nothing, or by some instances of a config and some of another;
# an update can bring it back. One that has Failed can only be deleted.
DAMAGED = frozenset({"OutOfService", "UpdateRollbackFailed"})


@dataclass(frozen=True, kw_only=True)
class EndpointState:
    """What an endpoint serves now, and what its tags record about its deploys.

    The tags of the endpoint config say what is served, because they change with it.
    The tags of the endpoint itself record the version that was verified last: if a
    deploy was interrupted, that is another one.
    """

    name: str
    arn: str
    status: str
    failure_reason: str
    # When anything about the endpoint changed last, failed updates included.
    modified: datetime
    config: str
    config_arn: str
    # The config that an update goes to, while it goes on.
    pending_config: str
    # The variant that deploys replace, if others have added further ones.
    variant: str = ""

    # From the tags of the config that is served.
    package: str
    version: int
    fingerprint: str
    commit: str
    run_id: str
    previous_config: str

    # From the tags of the endpoint.
    verified_config: str
    verified_at: datetime | None
    # The content that was rolled back from, which no deploy may bring back by itself.
    rolled_back_from: str
    rolled_back_by: str = ""
    rolled_back_at: datetime | None = None
    # The config that a rollback was begun to, until it is verified or has failed.
    rollback_target: str
    # What `rolled_back_from` was before that rollback.
    rolled_back_from_before: str
    # The version of the last deploy that was started and is not verified yet; 0: none.
    attempted_version: int
    deployment: str
    deployed_commit: str

    # What all of this was read from: DescribeEndpoint, the config and its tags.
    source: Hosting = field(
        default_factory=lambda: Hosting(endpoint={}), compare=False, repr=False
    )

    @property
    def is_config_deleted(self) -> bool:
        """Return whether the config that is served is gone; the endpoint serves on."""
        return not self.config_arn

    @property
    def is_verified(self) -> bool:
        """Return whether a deploy has verified the config that is served now."""
        return self.verified_config == self.config

    @property
    def verified_version(self) -> int:
        """Return the version that was verified last; 0 if its config does not say."""
        return self.version if self.is_verified else version_in(self.verified_config)

    @property
    def since(self) -> datetime:
        """Return since when this version is live: since its verification, if any."""
        return (self.verified_at if self.is_verified else None) or self.modified

    def serves(self, config: str) -> bool:
        """Return whether this config answers requests."""
        return self.status == "InService" and self.config == config

    def __str__(self) -> str:
        return f"version {self.version} ({self.config}, {self.status})"

    def record_attempt(self, version: int) -> None:
        """Record that a deploy of a version has begun."""
        add_tags(self.arn, {"attempted": str(version)})

    def record_rollback(self, target: str, rolled_back_from: str) -> None:
        """Record that a rollback to a config has begun, in case it is interrupted."""
        # One that goes on after an interruption has the value of before already.
        goes_on = bool(self.rollback_target)
        before = self.rolled_back_from_before if goes_on else self.rolled_back_from
        intent = {"goes_back_to": target, "rolled_back_from": rolled_back_from}
        add_tags(self.arn, intent | {"rolled_back_from_before": before})

    def withdraw_rollback(self) -> None:
        """Record that the rollback that was begun has failed: nothing is left of it."""
        before = {"rolled_back_from": self.rolled_back_from_before}
        cleared = {"goes_back_to": "", "rolled_back_from_before": ""}
        add_tags(self.arn, before | cleared)

    def record_verified(
        self,
        package: Package,
        *,
        previous_config: str,
        rolled_back_from: str,
        rolled_back_by: str = "",
    ) -> None:
        """Record that the config served now was verified, and what it replaced."""
        since = utc(self.modified)
        history = {"verified": since, "failed": ""}
        if previous_config:
            history["before"] = previous_config
        add_tags(self.config_arn, history)
        add_tags(
            self.arn,
            {
                **package_tags(package),
                "config": self.config,
                "since": since,
                "rolled_back_from": rolled_back_from,
                "rolled_back_by": rolled_back_by,
                "rolled_back_at": since if rolled_back_by else "",
                "rolled_back_from_before": "",
                "goes_back_to": "",
                "attempted": "",
            },
        )

    def record_deployment(self, deployment: str, commit: str) -> None:
        """Record which checkout's deploy stage ran to its end."""
        add_tags(self.arn, {"deployment": deployment, "deployed_commit": commit})


def read_state(model: str) -> EndpointState | None:
    """Read the state of a model's endpoint from AWS; None if there is no endpoint."""
    response = _describe(model)
    return _state(response) if response else None


def read_deployed_tags() -> dict[str, dict[str, str]]:
    """Read the tags of all deployed endpoints in one query, by model."""
    found = {}
    for arn, tags in list_tagged("sagemaker:endpoint", fingerprint=""):
        name = arn.rpartition("/")[2]
        if tags["owner"] == name:
            found[name] = tags
    return found


def wait_until_settled(
    name: str, deadline: float, on_progress: Progress
) -> EndpointState | None:
    """Wait until an endpoint is not changing any more; None if there is none (left).

    Args:
        deadline: in the seconds of time.monotonic().

    Raises:
        EndpointError: it is still changing at the deadline.
    """
    seen = ""
    for _ in polls(deadline - time.monotonic()):
        response = _describe(name)
        if not response:
            return None
        status = response["EndpointStatus"]
        if status not in CHANGING:
            return _state(response)
        if status != seen:
            on_progress(f"endpoint {name}: {status}")
        seen = status
    raise EndpointError(
        f"{name}: still {seen or 'changing'} at the time limit, and goes on in "
        "SageMaker; run the same command again to wait for it"
    )


def request_update(name: str, config: str, *, exists: bool, **arguments: Any) -> None:
    """Ask SageMaker to create or update an endpoint.

    Args:
        arguments: further ones of UpdateEndpoint.
    """
    names: dict[str, Any] = {"EndpointName": name, "EndpointConfigName": config}
    if exists:
        client("sagemaker").update_endpoint(**names, **arguments)
    else:
        # The version is recorded in its tags only after verification.
        client("sagemaker").create_endpoint(**names, Tags=as_tags({"owner": name}))


def delete_endpoint(name: str, deadline: float) -> None:
    """Delete an endpoint and wait until it is gone."""
    client("sagemaker").delete_endpoint(EndpointName=name)
    wait_until_settled(name, deadline, on_progress=lambda _: None)


def read_hosting_of(state: EndpointState) -> Hosting:
    """Read how an endpoint is hosted, beyond its state, whoever has set that."""
    name, config = state.name, state.config
    # Another's config says nothing of model.yaml; the one that was verified last does.
    ours = config if is_own(config, name) else state.verified_config
    live = add_scaling(add_model(state.source))
    declared = live.variant.get("InitialInstanceCount")
    if ours != config:
        declared = read_declared_instances(name, ours)
    return replace(live, declared=declared)


def _describe(name: str) -> "DescribeEndpointOutputTypeDef | None":
    with ignore_not_found():
        return client("sagemaker").describe_endpoint(EndpointName=name)
    return None


def _state(response: "DescribeEndpointOutputTypeDef") -> EndpointState:
    name, config = response["EndpointName"], response["EndpointConfigName"]
    history = read_tags(response["EndpointArn"])
    source = read_config(config, response)
    config_arn = source.config.get("EndpointConfigArn", "")
    variants, served = source.config.get("ProductionVariants", ()), source.tags
    if not config_arn and history.get("config") == config:
        # The config was deleted; what it served was recorded when it was verified.
        served = history
    elif not served.get("package"):
        served = _read_model_tags(name, variants) or served
    several = len(variants) > 1
    package = served.get("package", "")
    return EndpointState(
        name=name,
        arn=response["EndpointArn"],
        status=response["EndpointStatus"],
        failure_reason=response.get("FailureReason", ""),
        modified=datetime.fromisoformat(utc(response["LastModifiedTime"])),
        config=config,
        config_arn=config_arn,
        pending_config=response.get("PendingDeploymentSummary", {}).get(
            "EndpointConfigName", ""
        ),
        variant=own_variant(name, variants).get("VariantName", "") if several else "",
        package=package if ":model-package/" in package else "",
        version=tag_number(served, "version"),
        fingerprint=served.get("fingerprint", ""),
        commit=served.get("commit", ""),
        run_id=served.get("run_id", ""),
        previous_config=served.get("before", ""),
        verified_config=history.get("config", ""),
        verified_at=tag_time(history, "since"),
        rolled_back_from=history.get("rolled_back_from", ""),
        rolled_back_by=history.get("rolled_back_by", ""),
        rolled_back_at=tag_time(history, "rolled_back_at"),
        rollback_target=history.get("goes_back_to", ""),
        rolled_back_from_before=history.get("rolled_back_from_before", ""),
        attempted_version=tag_number(history, "attempted"),
        deployment=history.get("deployment", ""),
        deployed_commit=history.get("deployed_commit", ""),
        source=source,
    )


def _read_model_tags(
    model: str, variants: Sequence[Mapping[str, Any]]
) -> dict[str, str]:
    """Return what a model that a deploy has made says of itself, in another's config.

    Somebody may have made a config for the same model, with data capture for instance.
    Whoever may not describe models does not know what it serves.
    """
    from botocore.exceptions import ClientError

    name = own_variant(model, variants).get("ModelName", "")
    if not is_own(name, model):
        return {}
    try:
        found = client("sagemaker").describe_model(ModelName=name)
        tags = read_tags(found["ModelArn"])
    except ClientError:
        return {}
    return tags if tags.get("owner") == model else {}
