"""The endpoint configs of a model: their names and tags, and which of them are kept.

A config and its SageMaker model have the same name, made from their content: creating
them again finds the same ones, and rolling back to a version is naming its config
again.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lifecycle.aws import (
    Progress,
    add_tags,
    as_tags,
    aws_errors,
    bucket,
    client,
    error_message,
    ignore_not_found,
    list_tagged,
    read_tags,
    role,
    tag_number,
)
from lifecycle.errors import ConfigurationError, EndpointError, LifecycleError
from lifecycle.registration.packages import Package
from lifecycle.serving.hosting import (
    NOTHING,
    OPTIONAL,
    Hosting,
    Kept,
    config_request,
    is_own,
    model_request,
    own_variant,
    read_settings,
)

# The keys of `endpoint:` that say how an update goes on, not what is served.
NOT_SERVED = frozenset({"canary"})
# The shortest time limit, in seconds, that SageMaker takes for a blue/green update.
MIN_UPDATE_SECONDS = 600
# Former configs that are kept, besides the live one, to roll back to.
KEPT_CONFIGS = 2
# An unverified config may belong to a deploy that still waits for its turn.
ABANDONED_AFTER = timedelta(hours=6)


def served_settings(model: str, endpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of `endpoint` in model.yaml says how to serve, with its defaults."""
    found = {
        key: value
        for key, value in endpoint.items()
        if value is not None and key not in NOT_SERVED
    }
    if not found.get("serverless"):
        found["instance_count"] = found.get("instance_count") or 1
    if capture := found.get("data_capture"):
        place = capture.get("s3_uri") or f"s3://{bucket()}/{model}/data-capture"
        found["data_capture"] = {"percent": capture["percent"], "s3_uri": place}
    return found


def package_tags(package: Package) -> dict[str, str]:
    """Return the tags that say whose a resource is and which version it serves."""
    return {
        "owner": package.model,
        "version": str(package.version),
        "fingerprint": package.fingerprint,
        "commit": package.commit,
        "run_id": package.run_id,
        "package": package.arn,
    }


def config_name(
    package: Package, endpoint: Mapping[str, Any], kept: Kept = NOTHING
) -> str:
    """Name the endpoint config and the SageMaker model that serve a package.

    Args:
        endpoint: the section of model.yaml; its canary does not change the name.
        kept: what others have set, if anything.
    """
    settings = served_settings(package.model, endpoint)
    content = [package.arn, package.model_data, package.image, role(), settings]
    more = [asdict(replace(kept, tags={}))] if kept else []
    text = json.dumps(content + more, sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{package.model}-v{package.version}-{digest}"


def ensure_config(
    package: Package,
    endpoint: Mapping[str, Any],
    kept: Kept = NOTHING,
    *,
    before: str = "",
) -> str:
    """Create the SageMaker model and endpoint config of a package if they are missing.

    Args:
        before: the config that was live before the one that this one stands for.

    Returns:
        Their common name.

    Raises:
        EndpointError: SageMaker refuses one of them.
    """
    name = config_name(package, endpoint, kept)
    settings = served_settings(package.model, endpoint)
    known = {
        **kept.tags,
        **package_tags(package),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if named := [key for key in OPTIONAL if key in settings]:
        known["named"] = " ".join(named)
    if before:
        known["before"] = before
    tags = as_tags(known)
    sagemaker = client("sagemaker")
    _create(
        sagemaker.create_model,
        name,
        ModelName=name,
        PrimaryContainer={"ModelPackageName": package.arn},
        ExecutionRoleArn=role(),
        Tags=tags,
        **model_request(settings, kept),
    )
    _create(
        sagemaker.create_endpoint_config,
        name,
        EndpointConfigName=name,
        Tags=tags,
        **config_request(name, settings, kept),
    )
    return name


def ensure_model(package: Package, config: str, live: Hosting) -> None:
    """Create the SageMaker model of a retained config again if it was deleted.

    Raises:
        EndpointError: SageMaker refuses it.
    """
    if not live.model and live.variant.get("ModelName") == config:
        _create(
            client("sagemaker").create_model,
            config,
            ModelName=config,
            PrimaryContainer={"ModelPackageName": package.arn},
            ExecutionRoleArn=role(),
            Tags=as_tags(package_tags(package)),
            **model_request(read_settings(live), NOTHING),
        )


def read_config(config: str, endpoint: Mapping[str, Any]) -> Hosting:
    """Read a config and its tags; they are empty if it was deleted.

    Args:
        endpoint: the answer of DescribeEndpoint, or its EndpointName alone.
    """
    found: Mapping[str, Any] = {}
    tags: Mapping[str, str] = {}
    with ignore_not_found():
        found = client("sagemaker").describe_endpoint_config(EndpointConfigName=config)
        tags = read_tags(found["EndpointConfigArn"])
    return Hosting(endpoint=endpoint, config=_members(found), tags=tags)


def add_model(live: Hosting) -> Hosting:
    """Read the SageMaker model of what a config hosts; empty if it was deleted."""
    served: Mapping[str, Any] = {}
    if name := live.variant.get("ModelName"):
        with ignore_not_found():
            served = client("sagemaker").describe_model(ModelName=name)
    return replace(live, model=served)


def add_scaling(live: Hosting) -> Hosting:
    """Read what scales the variant of an endpoint that a deploy replaces."""
    name, variant = live.endpoint["EndpointName"], live.variant.get("VariantName", "")
    return replace(live, scaling=_read_scaling(name, variant))


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
        if is_own(name, model)
    ]
    return sorted(found, key=lambda one: (one.verified, one.created), reverse=True)


def record_failure(config: str, reason: str) -> None:
    """Record on a config why it did not go live, for `status`; failing is no error.

    Nothing else remembers it if the endpoint is deleted, or serves another config.
    """
    with suppress(LifecycleError), aws_errors():
        found = client("sagemaker").describe_endpoint_config(EndpointConfigName=config)
        add_tags(found["EndpointConfigArn"], {"failed": reason.partition("\n")[0]})


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


def read_declared_instances(model: str, config: str) -> int | None:
    """Return how many instances a config names; None if it is gone, or names none."""
    with ignore_not_found():
        if config:
            found = client("sagemaker").describe_endpoint_config(
                EndpointConfigName=config
            )
            variant = own_variant(model, found["ProductionVariants"])
            return variant.get("InitialInstanceCount")
    return None


def _members(response: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a description CreateEndpointConfig takes, and its times."""
    return {k: v for k, v in response.items() if k != "ResponseMetadata"}


def _read_scaling(model: str, variant: str) -> Sequence[Mapping[str, Any]]:
    """Return what scales a variant; nothing if that may not be asked for."""
    from botocore.exceptions import BotoCoreError, ClientError

    resource = f"endpoint/{model}/variant/{variant}"
    try:
        found = client("application-autoscaling").describe_scalable_targets(
            ServiceNamespace="sagemaker", ResourceIds=[resource]
        )
    except (BotoCoreError, ClientError):
        return ()
    targets: Sequence[Mapping[str, Any]] = found["ScalableTargets"]
    return targets


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


def _used_names() -> set[str]:
    """Return the configs and models that any endpoint of the account serves or will."""
    # A config of ours is named like its model; of another one its models are asked for.
    ours = {name for name, tags in _tagged_configs() if is_own(name, tags["owner"])}
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
