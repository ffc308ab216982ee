"""SageMaker's built-in XGBoost image without Docker: rules, training, serving."""

# Every version of the image, from sagemaker/core/image_uri_config/xgboost.json of the
# SageMaker Python SDK 3.
IMAGE_VERSIONS = (
    "0.90-1",
    "0.90-2",
    "1.0-1",
    "1.2-1",
    "1.2-2",
    "1.3-1",
    "1.5-1",
    "1.7-1",
    "3.0-5",
    "3.2-0",
)
# The tags of the first image, whose repository is `xgboost`.
LEGACY_TAGS = ("latest", "1")
# The image version that this package is.
ENGINE_VERSION = "3.2-0"
