"""The hyperparameters of SageMaker's built-in XGBoost: known without AWS.

`model.yaml` is checked by them, and the container of the embedded AWS refuses by them.
"""

# The versions in sagemaker/core/image_uri_config/xgboost.json of SageMaker's SDK 3.
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
# The version whose XGBoost this package runs.
ENGINE_VERSION = "3.2-0"
