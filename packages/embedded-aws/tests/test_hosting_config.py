"""Models, from a package or from image and data, and endpoint configurations."""

import pytest
from embedded_account import IMAGE, invalid
from embedded_aws.account import DEFAULT_BUCKET, ROLE_ARN


def create(account, name, **container):
    """Create a model of one container."""
    account.sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=ROLE_ARN, PrimaryContainer=container
    )


@pytest.fixture
def data(account):
    """Give the URI of an object that could be model data."""
    account.put("models/model.tar.gz", "x")
    return f"s3://{DEFAULT_BUCKET}/models/model.tar.gz"


def test_model_from_an_approved_package(account, name, data):
    """A model remembers the package that it was made from."""
    package = account.package(name, data)
    create(account, name, ModelPackageName=package)
    model = account.sagemaker.describe_model(ModelName=name)
    assert model["PrimaryContainer"] == {"ModelPackageName": package}
    assert model["ExecutionRoleArn"] == ROLE_ARN


@pytest.mark.parametrize("status", ["PendingManualApproval", "Rejected"])
def test_refuses_a_package_that_is_not_approved(account, name, data, status):
    """Only an approved version can become a model."""
    package = account.package(name, data, status)
    message = invalid(create, account, name, ModelPackageName=package)
    assert message.startswith(f"Model package {package} is {status}")


def test_refuses_missing_data_duplicates_and_unknown_images(account, name, data):
    """Model data must be there, names are unique, and images are known."""
    missing = f"s3://{DEFAULT_BUCKET}/none.tar.gz"
    message = invalid(create, account, name, Image=IMAGE, ModelDataUrl=missing)
    assert message == f"Could not find model data at {missing}."
    other = IMAGE.replace("xgboost", "tensorflow")
    assert f"cannot serve with image {other}" in invalid(
        create, account, name, Image=other, ModelDataUrl=data
    )
    account.model(name, data)
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:model/{name}"
    assert invalid(account.model, name, data) == (
        f'Cannot create already existing model "{arn}".'
    )


def test_takes_the_data_from_a_data_source(account, name, data):
    """A model's data may be named by a ModelDataSource."""
    source = {"S3Uri": data, "S3DataType": "S3Object", "CompressionType": "Gzip"}
    create(account, name, Image=IMAGE, ModelDataSource={"S3DataSource": source})
    assert account.sagemaker.describe_model(ModelName=name)


def test_refuses_pipelines_of_containers(account, name, data):
    """A model of several containers is not embedded."""
    container = {"Image": IMAGE, "ModelDataUrl": data}
    message = invalid(
        account.sagemaker.create_model,
        ModelName=name,
        ExecutionRoleArn=ROLE_ARN,
        Containers=[container, container],
    )
    assert "this one has 2" in message


def test_deleted_model_is_gone(account, name, data):
    """A deleted model is neither described nor listed, nor deleted twice."""
    account.model(name, data)
    listed = account.sagemaker.list_models(NameContains=name)["Models"]
    assert [each["ModelName"] for each in listed] == [name]
    account.sagemaker.delete_model(ModelName=name)
    assert account.sagemaker.list_models(NameContains=name)["Models"] == []
    message = invalid(account.sagemaker.delete_model, ModelName=name)
    assert message.startswith("Could not find model ")


@pytest.fixture
def model(account, trained, name):
    """Create a model."""
    return account.model(name, trained["ModelArtifacts"]["S3ModelArtifacts"])


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


def test_a_variant_without_a_model_is_refused(account, name):
    """It would wait for inference components, which are not there."""
    variant = {"VariantName": "a", "InstanceType": "ml.m5.large"}
    message = invalid(
        account.sagemaker.create_endpoint_config,
        EndpointConfigName=name,
        ProductionVariants=[variant | {"InitialInstanceCount": 1}],
    )
    assert "needs a ModelName" in message


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
    assert message in invalid(account.config, name, model, **changes)


def test_refuses_missing_models_and_duplicates(account, name, model):
    """A variant's model must exist, and names are unique."""
    assert invalid(account.config, name, "none").startswith("Could not find model ")
    account.config(name, model)
    assert invalid(account.config, name, model).startswith(
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
    message = invalid(
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
    assert invalid(
        account.sagemaker.describe_endpoint_config, EndpointConfigName=name
    ).startswith("Could not find endpoint configuration ")
