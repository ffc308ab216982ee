"""How an endpoint is hosted: what model.yaml names, and what others have set.

model.yaml names instances or memory, and may name data capture, a KMS key and a VPC.
All else that a live endpoint has was set by others: a new endpoint config takes it
over. The functions work on the answers of SageMaker's Describe actions.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lifecycle.errors import printable

VARIANT = "AllTraffic"
# What a deploy appends to a model's name for its configs and SageMaker models.
NAME_SUFFIX = re.compile(r"-v(\d+)-[0-9a-f]{8}")
# The keys that model.yaml need not name, so that others may set the same.
OPTIONAL = ("data_capture", "kms_key", "vpc")
# What `endpoint:` decides of a config and of its variant; the rest is taken over.
OWN_CONFIG = frozenset(
    """
    CreationTime EndpointConfigArn EndpointConfigName ProductionVariants
    ShadowProductionVariants
    """.split()  # noqa: SIM905, a list of members reads better unquoted
)
OWN_VARIANT = frozenset(
    """
    InitialInstanceCount InitialVariantWeight InstanceType ModelName ServerlessConfig
    VariantName
    """.split()  # noqa: SIM905
)
# The tags that deploys give to a config.
OWN_TAGS = frozenset(
    """
    before commit created failed fingerprint named owner package run_id verified version
    """.split()  # noqa: SIM905
)
MODEL_SETTINGS = ("VpcConfig", "EnableNetworkIsolation")
# Another writer's values are shown, but not at any length.
MAX_SHOWN = 80

Values = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Hosting:
    """How an endpoint is hosted now, whoever has set that.

    Attributes:
        endpoint: the answer of DescribeEndpoint.
        config: that of DescribeEndpointConfig; empty if the config was deleted.
        model: that of DescribeModel, for the variant that a deploy replaces.
        tags: those of the config.
        scaling: what Application Auto Scaling scales, by DescribeScalableTargets.
        declared: how many instances model.yaml asked for when it was deployed last.
    """

    endpoint: Values
    config: Values = field(default_factory=dict)
    model: Values = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    scaling: Sequence[Values] = ()
    declared: int | None = None

    @property
    def missing(self) -> str:
        """Say which of config and SageMaker model was deleted; "" if both are there."""
        if not self.config:
            return f"endpoint config {self.endpoint['EndpointConfigName']}"
        name = self.variant.get("ModelName")
        return f"SageMaker model {name}" if name and not self.model else ""

    @property
    def named(self) -> frozenset[str]:
        """Return the optional keys that model.yaml named when the config was made."""
        return frozenset(self.tags.get("named", "").split())

    @property
    def variants(self) -> Sequence[Values]:
        """Return the production variants, of the config or else of the endpoint."""
        found: Sequence[Values] = (self.config or self.endpoint).get(
            "ProductionVariants", ()
        )
        return found

    @property
    def variant(self) -> Values:
        """Return the variant that a deploy replaces; empty if that is not certain."""
        return own_variant(self.endpoint["EndpointName"], self.variants)

    @property
    def described(self) -> Values:
        """Return what DescribeEndpoint says of that variant."""
        name = self.variant.get("VariantName")
        found: Sequence[Values] = self.endpoint.get("ProductionVariants", ())
        return next((one for one in found if one["VariantName"] == name), {})

    @property
    def is_serverless(self) -> bool:
        """Return whether the endpoint has memory instead of instances."""
        names = ("ServerlessConfig", "CurrentServerlessConfig")
        both = (*self.variants, self.described)
        return any(one.get(name) for one in both for name in names)

    @property
    def instances(self) -> int:
        """Return how many instances the variant is to have, by whatever scales it."""
        return int(self.described.get("DesiredInstanceCount") or 0)

    @property
    def declared_instances(self) -> int:
        """Return how many instances model.yaml asked for; as many as are if unknown."""
        return self.instances if self.declared is None else self.declared


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What others have set on an endpoint, for the next config of it to take over.

    Attributes:
        config: members of CreateEndpointConfig.
        variant: members of the production variant; its name is its own.
        variants: other production variants; `shadows`: shadow variants.
        model: members of CreateModel.
        tags: of the config.
    """

    config: Values = field(default_factory=dict)
    name: str = VARIANT
    variant: Values = field(default_factory=dict)
    variants: Sequence[Values] = ()
    shadows: Sequence[Values] = ()
    model: Values = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return replace(self, tags={}) != NOTHING

    @property
    def concurrency(self) -> int:
        """Return how many requests are provisioned for without servers."""
        serverless = self.variant.get("ServerlessConfig", {})
        return int(serverless.get("ProvisionedConcurrency") or 0)

    def described(self) -> Iterator[str]:
        """Yield in words what is kept."""
        if capture := self.config.get("DataCaptureConfig"):
            yield f"data capture, {_capture(capture)}"
        if key := self.config.get("KmsKeyId"):
            yield f"the KMS key {shown(key)}"
        if vpc := self.model.get("VpcConfig"):
            yield f"the VPC, {_vpc(vpc)}"
        if self.model.get("EnableNetworkIsolation"):
            yield "network isolation"
        if self.name != VARIANT:
            yield f"the variant's name, {shown(self.name)}"
        for member, value in (*self.config.items(), *self.variant.items()):
            if member == "ServerlessConfig":
                yield f"provisioned concurrency {self.concurrency}"
            elif member not in ("DataCaptureConfig", "KmsKeyId"):
                yield f"{member}, {shown(value)}"
        for what, several in (("variant", self.variants), ("shadow", self.shadows)):
            for one in several:
                yield f"the {what} {one['VariantName']}, which serves {_served(one)}"


NOTHING = Kept()


def own_variant(model: str, variants: Sequence[Values]) -> Values:
    """Return the variant that a deploy replaces; empty if that is not certain.

    It is the only one, or that of the name which deploys give it, or the only one that
    serves a version of this model.
    """
    named = [one for one in variants if one["VariantName"] == VARIANT]
    serving = [one for one in variants if is_own(one.get("ModelName") or "", model)]
    for chosen in (variants, named, serving):
        if len(chosen) == 1:
            return chosen[0]
    return {}


def is_own(name: str, model: str) -> bool:
    """Return whether a config or a SageMaker model has a name as deploys give it."""
    return bool(NAME_SUFFIX.fullmatch(name.removeprefix(model)))


def version_in(name: str) -> int:
    """Return the version in a name that deploys give; 0 for other names."""
    found = NAME_SUFFIX.search(name)
    return int(found[1]) if found else 0


def config_request(model: str, settings: Values, kept: Kept) -> dict[str, Any]:
    """Return the rest of CreateEndpointConfig's request, without name and tags."""
    request: dict[str, Any] = dict(kept.config)
    variants = [_variant_request(model, settings, kept), *map(dict, kept.variants)]
    request["ProductionVariants"] = variants
    if kept.shadows:
        request["ShadowProductionVariants"] = list(map(dict, kept.shadows))
    if capture := settings.get("data_capture"):
        request["DataCaptureConfig"] = {
            "EnableCapture": capture["percent"] > 0,
            "InitialSamplingPercentage": capture["percent"],
            "DestinationS3Uri": capture["s3_uri"],
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            # Content of any other type is written in base64.
            "CaptureContentTypeHeader": {
                "CsvContentTypes": ["text/csv"],
                "JsonContentTypes": ["application/json", "application/jsonlines"],
            },
        }
    if key := settings.get("kms_key"):
        request["KmsKeyId"] = key
    return request


def model_request(settings: Values, kept: Kept) -> dict[str, Any]:
    """Return what of CreateModel's request is about the network."""
    request: dict[str, Any] = dict(kept.model)
    if vpc := settings.get("vpc"):
        request["VpcConfig"] = {
            "Subnets": list(vpc["subnets"]),
            "SecurityGroupIds": list(vpc["security_groups"]),
        }
    return request


def read_settings(live: Hosting) -> dict[str, Any]:
    """Return the keys of model.yaml that a config was made from.

    Of the optional ones those that model.yaml named then.
    """
    variant = live.variant
    found: dict[str, Any] = {}
    if serverless := variant.get("ServerlessConfig"):
        memory, most = serverless["MemorySizeInMB"], serverless["MaxConcurrency"]
        found["serverless"] = {"memory_mb": memory, "max_concurrency": most}
    elif variant.get("InstanceType"):
        found["instance_type"] = variant["InstanceType"]
        found["instance_count"] = variant.get("InitialInstanceCount") or live.instances
    return found | {
        key: value for key, value in _optional(live).items() if key in live.named
    }


def kept_settings(live: Hosting, settings: Values) -> Kept:
    """Return what a new config takes over from how an endpoint is hosted.

    Args:
        settings: those of model.yaml; what they name, or named before, is not others'.
    """
    mine = live.named | settings.keys()
    config = {k: v for k, v in live.config.items() if k not in OWN_CONFIG and v}
    if not live.config and (capture := live.endpoint.get("DataCaptureConfig")):
        config = {"DataCaptureConfig": _remembered(capture)}
    for key, member in (("data_capture", "DataCaptureConfig"), ("kms_key", "KmsKeyId")):
        if key in mine:
            config.pop(member, None)
    model = {name: live.model[name] for name in MODEL_SETTINGS if live.model.get(name)}
    if "vpc" in mine:
        model.pop("VpcConfig", None)
    variant = live.variant if live.config else {}
    extras = {k: v for k, v in variant.items() if k not in OWN_VARIANT and v}
    current = live.described.get("DesiredServerlessConfig") or {}
    if concurrency := current.get("ProvisionedConcurrency"):
        extras["ServerlessConfig"] = {"ProvisionedConcurrency": concurrency}
    return Kept(
        config=config,
        name=live.variant.get("VariantName", VARIANT),
        variant=extras,
        variants=tuple(one for one in live.variants if one is not live.variant),
        shadows=tuple(live.config.get("ShadowProductionVariants", ())),
        model=model,
        tags={k: v for k, v in live.tags.items() if _is_foreign_tag(k)},
    )


def join_kept(base: Kept, live: Kept) -> Kept:
    """Return what a config had when it was live, and what others have set since."""
    return Kept(
        config={**base.config, **live.config},
        name=live.name,
        variant={**base.variant, **live.variant},
        variants=live.variants,
        shadows=live.shadows,
        model={**base.model, **live.model},
        tags={**base.tags, **live.tags},
    )


def retained_properties(
    live: Hosting, settings: Values, *, is_rollback: bool
) -> dict[str, Any]:
    """Return the arguments of UpdateEndpoint that keep weights and instance counts.

    An instance count is set anew if model.yaml has another one than for the live
    config. A rollback never takes away what was added since.
    """
    if live.is_serverless or settings.get("serverless"):
        return {}
    retained: dict[str, Any] = {"RetainAllVariantProperties": True}
    was_scaled = live.instances != live.declared_instances
    is_new = settings["instance_count"] != live.declared_instances
    if is_new and not (is_rollback and was_scaled):
        excluded = [{"VariantPropertyType": "DesiredInstanceCount"}]
        retained["ExcludeRetainedVariantProperties"] = excluded
    return retained


def capacity(live: Hosting, settings: Values, arguments: Values) -> int:
    """Return how many instances the endpoint has after an update."""
    if arguments.get("RetainAllVariantProperties") and not arguments.get(
        "ExcludeRetainedVariantProperties"
    ):
        return live.instances
    return int(settings.get("instance_count") or 0)


def describe_capacity(live: Hosting, instances: int) -> str:
    """Say how many instances others have given; "" if it is as the config names."""
    limits = "".join(
        f", which Application Auto Scaling keeps from {one['MinCapacity']} to "
        f"{one['MaxCapacity']}"
        for one in live.scaling[:1]
    )
    if instances == live.instances != live.declared_instances:
        return f"{instances} instances instead of {live.declared_instances}{limits}"
    return f"{instances} instances{limits}" if limits else ""


def find_drift(live: Hosting, settings: Values) -> list[str]:
    """Say in which settings an endpoint differs from model.yaml.

    Instances that were added or taken away since, and what others have set, are no
    difference: a deploy keeps them.
    """
    if not live.config:
        return []
    now = {**read_settings(live), **_optional(live)}
    if "instance_count" in now:
        now["instance_count"] = live.declared_instances
    if live.is_serverless != bool(settings.get("serverless")):
        kinds = ("on instances", "serverless")
        is_now, wanted = kinds if settings.get("serverless") else kinds[::-1]
        return [f"it is {is_now}, model.yaml says {wanted}"]
    found = []
    for key in dict.fromkeys([*settings, *live.named, *read_settings(live)]):
        have, want = now.get(key), settings.get(key)
        if key == "vpc" and want:
            # Of which SageMaker need not keep the order.
            want = {name: sorted(ids) for name, ids in want.items()}
        if have != want:
            said = shown(have) if have else "not set"
            found.append(f"{key} is {said}, model.yaml says {shown(want or 'none')}")
    return found


def shown(value: Any) -> str:
    """Return what another may have written, as one line of limited length."""
    if isinstance(value, Mapping):
        text = ", ".join(f"{key} {shown(one)}" for key, one in value.items())
    elif isinstance(value, list | tuple):
        text = ", ".join(map(shown, value))
    else:
        text = str(value)
    return printable(text, MAX_SHOWN)


def _optional(live: Hosting) -> dict[str, Any]:
    """Return what a config and its model have, as the optional keys of model.yaml."""
    found: dict[str, Any] = {}
    if capture := live.config.get("DataCaptureConfig"):
        percent = capture.get("InitialSamplingPercentage", 0)
        on = capture.get("EnableCapture", True)
        place = capture.get("DestinationS3Uri", "")
        found["data_capture"] = {"percent": percent if on else 0, "s3_uri": place}
    if key := live.config.get("KmsKeyId"):
        found["kms_key"] = key
    if vpc := live.model.get("VpcConfig"):
        found["vpc"] = {
            "subnets": sorted(vpc["Subnets"]),
            "security_groups": sorted(vpc["SecurityGroupIds"]),
        }
    return found


def _is_foreign_tag(key: str) -> bool:
    return key not in OWN_TAGS and not key.startswith("aws:")


def _remembered(capture: Values) -> dict[str, Any]:
    """Return the DataCaptureConfig that an endpoint of a deleted config says it has."""
    remembered = {
        "EnableCapture": capture.get("EnableCapture", True),
        "InitialSamplingPercentage": capture.get("CurrentSamplingPercentage", 100),
        "DestinationS3Uri": capture.get("DestinationS3Uri", ""),
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    }
    return remembered | {k: capture[k] for k in ("KmsKeyId",) if capture.get(k)}


def _capture(capture: Values) -> str:
    percent = capture.get("InitialSamplingPercentage", 0)
    state = f"{percent} %" if capture.get("EnableCapture", True) else "off"
    return f"{state} to {shown(capture.get('DestinationS3Uri', ''))}"


def _vpc(vpc: Values) -> str:
    names = [*vpc.get("Subnets", ()), *vpc.get("SecurityGroupIds", ())]
    return shown(", ".join(names))


def _served(variant: Values) -> str:
    return shown(variant.get("ModelName") or "inference components")


def _variant_request(model: str, settings: Values, kept: Kept) -> dict[str, Any]:
    """Return a production variant as CreateEndpointConfig takes it.

    Args:
        model: the name of the SageMaker model.
    """
    variant = {**kept.variant, "VariantName": kept.name, "ModelName": model}
    if serverless := settings.get("serverless"):
        variant["ServerlessConfig"] = {
            **variant.pop("ServerlessConfig", {}),
            "MemorySizeInMB": serverless["memory_mb"],
            "MaxConcurrency": serverless["max_concurrency"],
        }
        return variant
    variant["InstanceType"] = settings["instance_type"]
    variant["InitialInstanceCount"] = settings["instance_count"]
    variant["InitialVariantWeight"] = 1.0
    return variant
