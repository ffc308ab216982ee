"""Endpoint configurations."""

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def model(account, trained, name):
    """Create a model."""
    return account.model(name, trained["ModelArtifacts"]["S3ModelArtifacts"])


def refusal(call, *arguments, **keywords):
    """Give the message of a refused call."""
    with pytest.raises(ClientError) as caught:
        call(*arguments, **keywords)
    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationException"
    return error["Message"]


def test_shows_variants_with_what_the_service_adds(account, name, model):
    """A variant has weight 1 unless the request says otherwise."""
    account.config(name, model)
    found = account.sagemaker.describe_endpoint_config(EndpointConfigName=name)
    assert found["ProductionVariants"] == [
        {
            "VariantName": "AllTraffic",
            "ModelName": model,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
            "InitialVariantWeight": 1.0,
        }
    ]


def test_takes_serverless_variants(account, name, model):
    """A serverless variant has memory and concurrency instead of instances."""
    serverless = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
    account.config(name, model, ServerlessConfig=serverless)
    found = account.sagemaker.describe_endpoint_config(EndpointConfigName=name)
    (variant,) = found["ProductionVariants"]
    assert variant["ServerlessConfig"] == serverless
    assert "InitialInstanceCount" not in variant


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"InitialInstanceCount": 1}, "needs either an InstanceType or a Serverless"),
        (
            {
                "InstanceType": "ml.m5.large",
                "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5},
            },
            "needs either an InstanceType or a ServerlessConfig",
        ),
        (
            {"ServerlessConfig": {"MemorySizeInMB": 1500, "MaxConcurrency": 5}},
            "MemorySizeInMB must be one of 1024, 2048",
        ),
        (
            {"ServerlessConfig": {"MemorySizeInMB": 9000, "MaxConcurrency": 5}},
            "value less than or equal to 6144",
        ),
        ({"InstanceType": "ml.none"}, "Member must satisfy enum value set"),
    ],
)
def test_refuses_a_variant_that_cannot_run(account, name, model, changes, message):
    """Instance types and memory sizes must exist, and only one of the two is given."""
    assert message in refusal(account.config, name, model, **changes)


def test_refuses_missing_models_and_duplicates(account, name, model):
    """A variant's model must exist, and names are unique."""
    assert refusal(account.config, name, "none").startswith("Could not find model ")
    account.config(name, model)
    assert refusal(account.config, name, model).startswith(
        "Cannot create already existing endpoint configuration "
    )


def test_refuses_two_variants_of_one_name(account, name, model):
    """Variants are told apart by their names."""
    variant = {
        "VariantName": "same",
        "ModelName": model,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    message = refusal(
        account.sagemaker.create_endpoint_config,
        EndpointConfigName=name,
        ProductionVariants=[variant, variant],
    )
    assert message.startswith("Duplicate production variant names")


def test_deleted_configuration_is_gone(account, name, model):
    """A deleted configuration is neither described nor listed."""
    account.config(name, model)
    account.sagemaker.delete_endpoint_config(EndpointConfigName=name)
    listed = account.sagemaker.list_endpoint_configs(NameContains=name)
    assert listed["EndpointConfigs"] == []
    assert refusal(
        account.sagemaker.describe_endpoint_config, EndpointConfigName=name
    ).startswith("Could not find endpoint configuration ")
