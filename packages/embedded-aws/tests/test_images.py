"""The images of the built-in XGBoost."""

import pytest
from embedded_aws.sagemaker import images
from moto.sagemaker.exceptions import ValidationError

REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("sagemaker-xgboost:3.2-0", "3.2-0"),
        ("sagemaker-xgboost:1.7-1", "1.7-1"),
        ("sagemaker-xgboost:1.3-1-cpu-py3", "1.3-1"),
        ("xgboost:1", "1"),
    ],
)
def test_knows_the_built_in_images(name, version):
    """Every tag of the built-in XGBoost is known; only 3.2-0 needs no remark."""
    image = images.find(f"{REGISTRY}/{name}", "us-east-1")
    assert image.version == version
    assert bool(image.note) == (version != "3.2-0")


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        (f"{REGISTRY}/sagemaker-xgboost:9.9-9", "Requested image .*:9.9-9 not found"),
        (f"{REGISTRY}/sagemaker-scikit-learn:1.2-1", "Cannot find repository: sage"),
        ("xgboost", "Requested image xgboost not found"),
        (
            "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:3.2-0",
            "is in eu-west-1, not in us-east-1",
        ),
    ],
)
def test_refuses_any_other_image(uri, message):
    """Another tag, repository or region is refused."""
    with pytest.raises(ValidationError, match=message):
        images.find(uri, "us-east-1")
