"""What SageMaker refuses of an update is found in the answers of its descriptions."""

from typing import Any

import pytest

from lifecycle.serving.hosting import (
    NOTHING,
    Hosting,
    Kept,
    config_request,
    describe_capacity,
    find_drift,
    kept_settings,
    own_variant,
)
from lifecycle.serving.refusals import find_refusal, has_local_storage

SETTINGS = {"instance_type": "ml.m5.large", "instance_count": 1}
LARGER = SETTINGS | {"instance_type": "ml.m5.xlarge"}
TARGET = {
    "ResourceId": "endpoint/toy/variant/AllTraffic",
    "MinCapacity": 1,
    "MaxCapacity": 8,
}


def hosting(*variants: dict[str, Any], **more: Any) -> Hosting:
    """Return how an endpoint is hosted, by default on one instance."""
    base = {
        "VariantName": "AllTraffic",
        "ModelName": "toy-v1-0a1b2c3d",
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    named = [base | one for one in variants or ({},)]
    counted = {"DesiredInstanceCount": more.pop("instances", 1)}
    described = [{"VariantName": one["VariantName"]} | counted for one in named]
    known = {key: more.pop(key) for key in ("tags", "scaling", "model") if key in more}
    return Hosting(
        endpoint={"EndpointName": "toy", "ProductionVariants": described},
        config={"ProductionVariants": named, **more},
        declared=1,
        **known,
    )


def refusal(live: Hosting, settings: Any = SETTINGS, kept: Kept = NOTHING) -> str:
    """Say why an update is refused."""
    return find_refusal(live, settings, kept, canary={}, instances=1)


@pytest.mark.parametrize(
    ("live", "settings", "kept", "said"),
    [
        (hosting({"ModelName": None}), SETTINGS, NOTHING, "it hosts inference compon"),
        (hosting(AsyncInferenceConfig={"a": 1}), SETTINGS, NOTHING, "asynchronously"),
        (
            hosting({"VariantName": "blue"}, {"VariantName": "green"}),
            SETTINGS,
            NOTHING,
            "it has the variants blue, green, and it is not known which of them",
        ),
        (hosting(scaling=[TARGET]), LARGER, NOTHING, "deregister-scalable-target"),
        (
            hosting(),
            SETTINGS | {"instance_type": "ml.g5.xlarge"},
            Kept(config={"KmsKeyId": "alias/team"}),
            "others have set the KMS key alias/team on it",
        ),
    ],
)
def test_what_cannot_be_updated_is_refused_with_a_way_on(live, settings, kept, said):
    """Nothing of the endpoint has changed by then."""
    assert said in refusal(live, settings, kept)


@pytest.mark.parametrize(
    ("live", "settings"),
    [
        (hosting(), LARGER),
        (hosting(scaling=[TARGET]), SETTINGS),
        (hosting({}, {"VariantName": "shadowed", "ModelName": "x"}), SETTINGS),
    ],
)
def test_what_can_be_updated_is_not_refused(live, settings):
    """Another model under autoscaling, another size without it, a further variant."""
    assert refusal(live, settings) == ""


@pytest.mark.parametrize(
    ("variants", "own"),
    [
        ([{"VariantName": "variant-1"}], "variant-1"),
        ([{"VariantName": "a"}, {"VariantName": "AllTraffic"}], "AllTraffic"),
        (
            [
                {"VariantName": "a", "ModelName": "other"},
                {"VariantName": "b", "ModelName": "toy-v2-0a1b2c3d"},
            ],
            "b",
        ),
        ([{"VariantName": "a"}, {"VariantName": "b"}], None),
        ([], None),
    ],
)
def test_the_variant_of_a_model_is_found(variants, own):
    """The only one, the one with our name, or the only one that serves the model."""
    assert own_variant("toy", variants).get("VariantName") == own


@pytest.mark.parametrize("kind", ["m5d", "c6gd", "g4dn", "g5", "g6e", "p4de", "p5"])
def test_instances_with_local_storage_are_known(kind: str):
    """SageMaker takes no KMS key for them."""
    assert has_local_storage(f"ml.{kind}.xlarge")


@pytest.mark.parametrize("kind", ["m5", "c6g", "m7i", "t2", "g5g", "p3", "inf2"])
def test_other_instances_take_a_key(kind: str):
    """Their volumes are attached."""
    assert not has_local_storage(f"ml.{kind}.xlarge")


def test_what_differs_from_model_yaml_is_told():
    """But neither instances that were added nor what others have set."""
    live = hosting(KmsKeyId="alias/team", instances=4, tags={"named": "vpc"})
    assert find_drift(live, SETTINGS) == []
    assert find_drift(live, LARGER | {"kms_key": "alias/mine"}) == [
        "instance_type is ml.m5.large, model.yaml says ml.m5.xlarge",
        "kms_key is alias/team, model.yaml says alias/mine",
    ]
    serverless = {"serverless": {"memory_mb": 2048, "max_concurrency": 5}}
    assert find_drift(live, serverless) == [
        "it is on instances, model.yaml says serverless"
    ]
    two = SETTINGS | {"instance_count": 2}
    assert find_drift(live, two) == ["instance_count is 1, model.yaml says 2"]


def test_what_others_have_set_is_told_in_words():
    """Also who scales the endpoint, and what a model of SageMaker's has."""
    live = hosting(
        {"RoutingConfig": {"RoutingStrategy": "RANDOM"}},
        ShadowProductionVariants=[{"VariantName": "s", "ModelName": "toy-v2-0"}],
        model={"EnableNetworkIsolation": True, "VpcConfig": {"Subnets": ["subnet-1"]}},
        instances=4,
        scaling=[TARGET],
    )

    assert describe_capacity(live, 4) == (
        "4 instances instead of 1, which Application Auto Scaling keeps from 1 to 8"
    )
    assert list(kept_settings(live, SETTINGS).described()) == [
        "the VPC, subnet-1",
        "network isolation",
        "RoutingConfig, RoutingStrategy RANDOM",
        "the shadow s, which serves toy-v2-0",
    ]


def test_provisioned_concurrency_is_kept():
    """It may have been set by autoscaling, at the endpoint alone."""
    named = {"VariantName": "AllTraffic", "ModelName": "m"}
    small = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
    live = Hosting(
        endpoint={
            "EndpointName": "toy",
            "ProductionVariants": [
                {
                    "VariantName": "AllTraffic",
                    "DesiredServerlessConfig": small | {"ProvisionedConcurrency": 3},
                }
            ],
        },
        config={"ProductionVariants": [named | {"ServerlessConfig": small}]},
    )
    settings = {"serverless": {"memory_mb": 2048, "max_concurrency": 5}}

    kept = kept_settings(live, settings)
    assert list(kept.described()) == ["provisioned concurrency 3"]
    request = config_request("m", settings, kept)
    (variant,) = request["ProductionVariants"]
    assert variant["ServerlessConfig"] == small | {"ProvisionedConcurrency": 3}
    assert refusal(live, settings, kept) == ""
    less = {"serverless": {"memory_mb": 2048, "max_concurrency": 2}}
    assert "more than its max_concurrency of 2" in refusal(live, less, kept)
