"""Models, from a package or from image and data."""

import pytest
from botocore.exceptions import ClientError
from embedded_account import IMAGE
from embedded_aws.account import DEFAULT_BUCKET, ROLE_ARN


def refusal(call, *arguments, **keywords):
    """Give the message of a refused call."""
    with pytest.raises(ClientError) as caught:
        call(*arguments, **keywords)
    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationException"
    return error["Message"]


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
    message = refusal(create, account, name, ModelPackageName=package)
    assert message.startswith(f"Model package {package} is {status}")


def test_refuses_missing_data_duplicates_and_unknown_images(account, name, data):
    """Model data must be there, names are unique, and images are known."""
    missing = f"s3://{DEFAULT_BUCKET}/none.tar.gz"
    message = refusal(create, account, name, Image=IMAGE, ModelDataUrl=missing)
    assert message == f"Could not find model data at {missing}."
    other = IMAGE.replace("xgboost", "tensorflow")
    assert "Cannot find repository" in refusal(
        create, account, name, Image=other, ModelDataUrl=data
    )
    account.model(name, data)
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:model/{name}"
    assert refusal(account.model, name, data) == (
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
    message = refusal(
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
    message = refusal(account.sagemaker.delete_model, ModelName=name)
    assert message.startswith("Could not find model ")
