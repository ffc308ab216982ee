"""A model's endpoint: its state, its endpoint configs, and which of them are kept.

Only this module reads and writes the tags of endpoints and their configs;
`EndpointState` says what they record of deploys. An endpoint config and its SageMaker
model have the same name, made from their content: creating them again finds the same
ones, and rolling back to a version is naming its config again.
"""

import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lifecycle.aws import (
    Progress,
    add_tags,
    as_tags,
    aws_errors,
    client,
    error_message,
    ignore_not_found,
    list_tagged,
    polls,
    read_tags,
    role,
    tag_number,
    tag_time,
    utc,
)
from lifecycle.errors import ConfigurationError, EndpointError, LifecycleError
from lifecycle.packages import Package

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import (
        DescribeEndpointOutputTypeDef,
        ProductionVariantTypeDef,
    )

VARIANT = "AllTraffic"
CHANGING = frozenset(
    {"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"}
)
# The shortest time limit, in seconds, that SageMaker takes for a blue/green update.
MIN_UPDATE_SECONDS = 600
# Former configs that are kept, besides the live one, to roll back to.
KEPT_CONFIGS = 2
# What `config_name` appends to a model's name.
CONFIG_SUFFIX = re.compile(r"-v(\d+)-[0-9a-f]{8}")
# An unverified config may belong to a deploy that still waits for its turn.
ABANDONED_AFTER = timedelta(hours=6)


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
    # The config that a rollback was begun to, until it is verified or has failed.
    rollback_target: str
    # What `rolled_back_from` was before that rollback.
    rolled_back_from_before: str
    # The version of the last deploy that was started and is not verified yet; 0: none.
    attempted_version: int
    deployment: str
    deployed_commit: str

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
        self, package: Package, *, previous_config: str, rolled_back_from: str
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
                **_package_tags(package),
                "config": self.config,
                "since": since,
                "rolled_back_from": rolled_back_from,
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


def config_name(package: Package, endpoint: Mapping[str, Any]) -> str:
    """Name the endpoint config and the SageMaker model that serve a package.

    Args:
        endpoint: the section of model.yaml; its canary does not change the name.
    """
    settings = _serving_settings(endpoint)
    content = [package.arn, package.model_data, package.image, role(), settings]
    text = json.dumps(content, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{package.model}-v{package.version}-{digest}"


def version_in(config: str) -> int:
    """Return the version that a name made by `config_name` is of; 0 for other names."""
    found = CONFIG_SUFFIX.search(config)
    return int(found[1]) if found else 0


def ensure_config(package: Package, endpoint: Mapping[str, Any]) -> str:
    """Create the SageMaker model and endpoint config of a package if they are missing.

    Returns:
        Their common name.

    Raises:
        EndpointError: SageMaker refuses one of them.
    """
    name = config_name(package, endpoint)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    tags = as_tags({**_package_tags(package), "created": created})
    sagemaker = client("sagemaker")
    _create(
        sagemaker.create_model,
        name,
        ModelName=name,
        PrimaryContainer={"ModelPackageName": package.arn},
        ExecutionRoleArn=role(),
        Tags=tags,
    )
    _create(
        sagemaker.create_endpoint_config,
        name,
        EndpointConfigName=name,
        ProductionVariants=[_variant(name, _serving_settings(endpoint))],
        Tags=tags,
    )
    return name


def read_settings(config: str) -> dict[str, Any]:
    """Read back from an endpoint config the keys of model.yaml that it was made from.

    Raises:
        EndpointError: it cannot be read.
    """
    from botocore.exceptions import ClientError

    try:
        found = client("sagemaker").describe_endpoint_config(EndpointConfigName=config)
    except ClientError as error:
        raise EndpointError(
            f"{config}: cannot be read; {error_message(error)}"
        ) from error
    variant = found["ProductionVariants"][0]
    if serverless := variant.get("ServerlessConfig"):
        memory, most = serverless["MemorySizeInMB"], serverless["MaxConcurrency"]
        return {"serverless": {"memory_mb": memory, "max_concurrency": most}}
    return {
        "instance_type": variant["InstanceType"],
        "instance_count": variant["InitialInstanceCount"],
    }


def deployment_config(canary: Mapping[str, Any]) -> dict[str, Any]:
    """Translate `endpoint.canary` of model.yaml into arguments of UpdateEndpoint."""
    if not canary:
        return {}
    routing = {
        "Type": "CANARY",
        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": canary["percent"]},
        "WaitIntervalInSeconds": canary["wait_seconds"],
    }
    policy = {
        "TrafficRoutingConfiguration": routing,
        # Instances take minutes to start, besides the wait.
        "MaximumExecutionTimeoutInSeconds": MIN_UPDATE_SECONDS + canary["wait_seconds"],
    }
    alarms = [{"AlarmName": name} for name in canary["alarms"]]
    return {
        "DeploymentConfig": {
            "BlueGreenUpdatePolicy": policy,
            "AutoRollbackConfiguration": {"Alarms": alarms},
        }
    }


@dataclass(frozen=True, kw_only=True)
class RetainedConfig:
    """An endpoint config of a model, with the tags that say when it was live."""

    name: str
    package: str
    version: int
    verified: str
    created: str
    # Why the last deploy to it failed; "" if it did not.
    failed: str


def retained_configs(model: str) -> list[RetainedConfig]:
    """List a model's own endpoint configs, the one that was verified last first.

    They are its own by their owner tag and the form of their name.
    """
    found = [
        RetainedConfig(
            name=name,
            package=tags.get("package", ""),
            version=tag_number(tags, "version"),
            verified=tags.get("verified", ""),
            created=tags.get("created", ""),
            failed=tags.get("failed", ""),
        )
        for name, tags in _tagged_configs(model)
        if _is_ours(name, model)
    ]
    return sorted(found, key=lambda one: (one.verified, one.created), reverse=True)


def record_failure(config: str, reason: str) -> None:
    """Record on a config why it did not go live, for `status`; failing is no error.

    Nothing else remembers it if the endpoint is deleted, or serves another config.
    """
    with suppress(LifecycleError), aws_errors():
        arn, _ = _read_config_tags(config)
        if arn:
            add_tags(arn, {"failed": reason.partition("\n")[0]})


def clean_up(model: str, on_progress: Progress) -> None:
    """Delete the endpoint configs and models that are not kept; failing is no error."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        for name in outdated_configs(model):
            delete_config(name)
            on_progress(f"deleted {name}, an old endpoint config and model")
    except (ClientError, BotoCoreError, ConfigurationError) as error:
        on_progress(f"older endpoint configs are left for the next deploy: {error}")


def outdated_configs(model: str) -> list[str]:
    """Return the configs to delete: former ones beyond KEPT_CONFIGS, abandoned ones.

    What any endpoint of the account uses stays.
    """
    owned = retained_configs(model)
    verified = [one for one in owned if one.verified]
    limit = (datetime.now(UTC) - ABANDONED_AFTER).isoformat(timespec="seconds")
    abandoned = [one for one in owned if not one.verified and one.created < limit]
    old = [*verified[KEPT_CONFIGS + 1 :], *abandoned]
    # Takes a call per endpoint, so only if there is something to delete.
    used = _used_names() if old else set()
    return [one.name for one in old if one.name not in used]


def delete_config(name: str) -> None:
    """Delete a config and its model; a concurrent deploy may have done it already."""
    sagemaker = client("sagemaker")
    with ignore_not_found():
        sagemaker.delete_endpoint_config(EndpointConfigName=name)
    with ignore_not_found():
        sagemaker.delete_model(ModelName=name)


def _describe(name: str) -> "DescribeEndpointOutputTypeDef | None":
    with ignore_not_found():
        return client("sagemaker").describe_endpoint(EndpointName=name)
    return None


def _state(response: "DescribeEndpointOutputTypeDef") -> EndpointState:
    config_arn, served = _read_config_tags(response["EndpointConfigName"])
    history = read_tags(response["EndpointArn"])
    return EndpointState(
        name=response["EndpointName"],
        arn=response["EndpointArn"],
        status=response["EndpointStatus"],
        failure_reason=response.get("FailureReason", ""),
        modified=datetime.fromisoformat(utc(response["LastModifiedTime"])),
        config=response["EndpointConfigName"],
        config_arn=config_arn,
        pending_config=response.get("PendingDeploymentSummary", {}).get(
            "EndpointConfigName", ""
        ),
        package=served.get("package", ""),
        version=tag_number(served, "version"),
        fingerprint=served.get("fingerprint", ""),
        commit=served.get("commit", ""),
        run_id=served.get("run_id", ""),
        previous_config=served.get("before", ""),
        verified_config=history.get("config", ""),
        verified_at=tag_time(history, "since"),
        rolled_back_from=history.get("rolled_back_from", ""),
        rollback_target=history.get("goes_back_to", ""),
        rolled_back_from_before=history.get("rolled_back_from_before", ""),
        attempted_version=tag_number(history, "attempted"),
        deployment=history.get("deployment", ""),
        deployed_commit=history.get("deployed_commit", ""),
    )


def _read_config_tags(name: str) -> tuple[str, dict[str, str]]:
    """Return a config's ARN and tags; an endpoint serves on after its deletion."""
    with ignore_not_found():
        config = client("sagemaker").describe_endpoint_config(EndpointConfigName=name)
        return config["EndpointConfigArn"], read_tags(config["EndpointConfigArn"])
    return "", {}


def _package_tags(package: Package) -> dict[str, str]:
    """Return the tags that say whose a resource is and which version it serves."""
    return {
        "owner": package.model,
        "version": str(package.version),
        "fingerprint": package.fingerprint,
        "commit": package.commit,
        "run_id": package.run_id,
        "package": package.arn,
    }


def _serving_settings(endpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of `endpoint` in model.yaml says how to serve; a canary does not."""
    return {
        key: value
        for key, value in endpoint.items()
        if value is not None and key != "canary"
    }


def _variant(model: str, settings: Mapping[str, Any]) -> "ProductionVariantTypeDef":
    """Translate the keys of model.yaml into a production variant."""
    variant: ProductionVariantTypeDef = {"VariantName": VARIANT, "ModelName": model}
    if serverless := settings.get("serverless"):
        variant["ServerlessConfig"] = {
            "MemorySizeInMB": serverless["memory_mb"],
            "MaxConcurrency": serverless["max_concurrency"],
        }
        return variant
    variant["InstanceType"] = settings["instance_type"]
    variant["InitialInstanceCount"] = settings.get("instance_count", 1)
    variant["InitialVariantWeight"] = 1.0
    return variant


def _create(call: Any, name: str, **request: Any) -> None:
    """Create a resource unless an earlier or a concurrent deploy has created it."""
    from botocore.exceptions import ClientError

    try:
        call(**request)
    except ClientError as error:
        message = error_message(error)
        if "already exist" not in message:
            raise EndpointError(f"{name}: cannot be created; {message}") from error


def _tagged_configs(owner: str = "") -> Iterator[tuple[str, dict[str, str]]]:
    for arn, tags in list_tagged("sagemaker:endpoint-config", owner=owner):
        yield arn.rpartition("/")[2], tags


def _is_ours(config: str, owner: str) -> bool:
    return bool(CONFIG_SUFFIX.fullmatch(config.removeprefix(owner)))


def _used_names() -> set[str]:
    """Return the configs and models that any endpoint of the account serves or will."""
    # A config of ours is named like its model; of another one its models are asked for.
    ours = {name for name, tags in _tagged_configs() if _is_ours(name, tags["owner"])}
    used: set[str] = set()
    for page in client("sagemaker").get_paginator("list_endpoints").paginate():
        for summary in page["Endpoints"]:
            used |= set(_configs_of(summary["EndpointName"]))
    return used | {model for name in used - ours for model in _models_of(name)}


def _configs_of(endpoint: str) -> Iterator[str]:
    """Yield the config that an endpoint serves, and the one it is updated to."""
    with ignore_not_found():
        response = client("sagemaker").describe_endpoint(EndpointName=endpoint)
        yield response["EndpointConfigName"]
        pending = response.get("PendingDeploymentSummary", {})
        if name := pending.get("EndpointConfigName"):
            yield name


def _models_of(config: str) -> Iterator[str]:
    with ignore_not_found():
        found = client("sagemaker").describe_endpoint_config(EndpointConfigName=config)
        for variant in found["ProductionVariants"]:
            yield variant.get("ModelName", "")
