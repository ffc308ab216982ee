"""The SDK keeps quiet, and takes a team's own defaults."""

import json

import pytest
from embedded_aws.process import EmbeddedAWS

from lifecycle.training import sagemaker_session

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::SyntaxWarning"
)


def test_the_sdk_keeps_its_telemetry_to_itself(aws: EmbeddedAWS):
    """The SDK's session opts out where the SDK itself looks for it."""
    from sagemaker.core.common_utils import resolve_value_from_config
    from sagemaker.core.config.config_schema import TELEMETRY_OPT_OUT_PATH

    opted_out = resolve_value_from_config(
        config_path=TELEMETRY_OPT_OUT_PATH,
        default_value=False,
        sagemaker_session=sagemaker_session(),
    )

    assert opted_out is True


@pytest.mark.parametrize("key", ["EnableNetworkIsolation", "EnableNetworkIsolashun"])
def test_the_sdks_own_defaults_are_checked_once(
    aws: EmbeddedAWS, monkeypatch, tmp_path, key
):
    """What a team has in the SDK's config counts, unless the SDK does not know it."""
    from jsonschema import ValidationError
    from sagemaker.core.common_utils import resolve_value_from_config

    path = ("SageMaker", "TrainingJob", key)
    config = {"SchemaVersion": "1.0", path[0]: {path[1]: {key: True}}}
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps(config))
    monkeypatch.setenv("SAGEMAKER_USER_CONFIG_OVERRIDE", str(file))

    if key == "EnableNetworkIsolashun":
        with pytest.raises(ValidationError, match=key):
            sagemaker_session()
        return
    session = sagemaker_session()
    found = resolve_value_from_config(
        config_path=".".join(path), sagemaker_session=session
    )

    assert found is True
