"""Endpoint configs and models: the live and two former ones stay, older ones go."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from runner.errors import ConfigurationError
from runner.live import Progress
from runner.missing import missing_ok
from runner.session import client
from runner.tags import number_in, tagged

KEPT = 2
# What `deployment.config_name` appends to a model's name.
OURS = re.compile(r"-v\d+-[0-9a-f]{8}")
# A config that never went live may belong to a deploy that still waits for its turn.
ABANDONED = timedelta(hours=6)


@dataclass(frozen=True, kw_only=True)
class Retained:
    """A config and its model, which have the same name and the same owner."""

    name: str
    config_arn: str
    package: str
    version: int
    before: str
    verified: str
    created: str


def retained(model: str) -> list[Retained]:
    """List a model's own configs, those that were live first, the latest of them first.

    They are its own by their tags, never by how their name begins.
    """
    found = [
        Retained(
            name=arn.rpartition("/")[2],
            config_arn=arn,
            package=tags.get("package", ""),
            version=number_in(tags),
            before=tags.get("before", ""),
            verified=tags.get("verified", ""),
            created=tags.get("created", ""),
        )
        for arn, tags in tagged("sagemaker:endpoint-config", owner=model)
        if OURS.fullmatch(arn.rpartition("/")[2].removeprefix(model))
    ]
    return sorted(found, key=lambda one: (one.verified, one.created), reverse=True)


def clean_up(model: str, on_progress: Progress) -> None:
    """Delete what was out of use for long; failing at that fails no deploy."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        for name in outdated(model):
            _delete(name)
            on_progress(f"deleted {name}, an endpoint config and model of before")
    except (ClientError, BotoCoreError, ConfigurationError) as error:
        on_progress(f"older endpoint configs are left for the next deploy: {error}")


def outdated(model: str) -> list[str]:
    """Name the configs that nobody will miss: neither recent nor in use anywhere."""
    owned = retained(model)
    live = [one for one in owned if one.verified]
    limit = (datetime.now(UTC) - ABANDONED).isoformat(timespec="seconds")
    abandoned = [one for one in owned if not one.verified and one.created < limit]
    old = [*live[KEPT + 1 :], *abandoned]
    # Asking takes a call per endpoint, so only when there is something to delete.
    used = _used() if old else set()
    return [one.name for one in old if one.name not in used]


def _used() -> set[str]:
    """Name the configs and models that any endpoint serves, or is about to."""
    sagemaker = client("sagemaker")
    named = [
        (arn.rpartition("/")[2], tags["owner"])
        for arn, tags in tagged("sagemaker:endpoint-config")
    ]
    # Others tag with an owner too; only our own names are known to say all they use.
    ours = {name for name, owner in named if OURS.fullmatch(name.removeprefix(owner))}
    used: set[str] = set()
    for page in sagemaker.get_paginator("list_endpoints").paginate():
        for summary in page["Endpoints"]:
            used |= set(_configs(summary["EndpointName"]))
    return used | {model for name in used - ours for model in _models(name)}


def _configs(endpoint: str) -> Iterator[str]:
    """Name the configs that an endpoint has, and that it is about to have."""
    with missing_ok():
        answer = client("sagemaker").describe_endpoint(EndpointName=endpoint)
        yield answer["EndpointConfigName"]
        pending = answer.get("PendingDeploymentSummary", {})
        if name := pending.get("EndpointConfigName"):
            yield name


def _models(config: str) -> Iterator[str]:
    """Name the models of a config that was made by hand, from one of ours perhaps."""
    with missing_ok():
        answer = client("sagemaker").describe_endpoint_config(EndpointConfigName=config)
        for variant in answer["ProductionVariants"]:
            yield variant.get("ModelName", "")


def _delete(name: str) -> None:
    """Delete a config and then its model; another deploy may have been faster."""
    sagemaker = client("sagemaker")
    for call, key in (
        (sagemaker.delete_endpoint_config, "EndpointConfigName"),
        (sagemaker.delete_model, "ModelName"),
    ):
        with missing_ok():
            call(**{key: name})
