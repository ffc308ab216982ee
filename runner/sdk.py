"""The SageMaker SDK's session: on our clients, without telemetry, and checked once."""

from functools import cache
from typing import Any

from runner.session import boto_session, bucket, client


def sagemaker_session() -> Any:
    """Give the SageMaker SDK's session."""
    from sagemaker.core.config.config import load_sagemaker_config
    from sagemaker.core.helper.session_helper import Session

    config = load_sagemaker_config() or {"SchemaVersion": "1.0"}
    modules = config
    for key in ("SageMaker", "PythonSDK", "Modules"):
        modules = modules.setdefault(key, {})
    modules["TelemetryOptOut"] = True
    _check_config_once()
    return Session(
        boto_session=boto_session(),
        default_bucket=bucket(),
        sagemaker_client=client("sagemaker"),
        sagemaker_runtime_client=client("sagemaker-runtime"),
        sagemaker_config=config,
    )


@cache
def _check_config_once() -> None:
    """Let the SDK check its config in the session only, and not at every default.

    Twenty checks of the same few lines take a trainer a second.
    """
    from sagemaker.core.config.config_manager import SageMakerConfig

    SageMakerConfig.validate_sagemaker_config = staticmethod(_take_as_it_is)


def _take_as_it_is(_: object = None) -> None:
    """Check nothing."""
