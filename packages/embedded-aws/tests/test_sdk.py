"""SageMaker's own SDK, which knows nothing of the embedded AWS."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

# In the tests of the whole repository, one that has imported the SDK.
PYTHON = os.environ.get("TESTS_WARM_PYTHON", sys.executable)

# Without a default bucket the SDK would ask STS for the account, at AWS's own address.
CONFIG = """\
SchemaVersion: "1.0"
SageMaker:
  PythonSDK:
    Modules:
      TelemetryOptOut: true
      Session: {DefaultS3Bucket: sagemaker-us-east-1-123456789012}
"""

TRAIN = """\
import argparse
import os
import pathlib
import shutil


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--slope", type=float)
    parser.add_argument("--name")
    given = parser.parse_args()
    assert os.listdir(os.environ["SM_CHANNEL_TRAIN"]) == ["train.csv"]
    model = pathlib.Path(os.environ["SM_MODEL_DIR"])
    (model / "slope").write_text(str(given.slope))
    shutil.copytree(".", model / "code")
    print("trained", given.name)


def model_fn(model_dir):
    return float(pathlib.Path(model_dir, "slope").read_text())


def predict_fn(rows, slope):
    return rows.reshape(-1) * slope


if __name__ == "__main__":
    main()
"""


@pytest.mark.slow
def test_sdk_trains_registers_approves_deploys_and_invokes(
    account, embedded, name, tmp_path
):
    """ModelTrainer and the SDK's resources go the whole way on the embedded AWS."""
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG)
    source = tmp_path / "source"
    source.mkdir()
    (source / "train.py").write_text(TRAIN)
    environment = embedded.environment | {
        "SOURCE": str(source),
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(config),
        "BUCKET": "sagemaker-us-east-1-123456789012",
        "NAME": name,
        "PYTHONPATH": str(Path(__file__).parent),
    }
    done = subprocess.run(
        [PYTHON, "-m", "sdk_story"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = dict(
        line.partition(" ")[::2]
        for line in done.stdout.splitlines()
        if line.startswith(("status ", "answer ", "script "))
    )
    assert said["status"] == "Approved 1"
    assert 0 < float(said["answer"]) < 2
    assert said["script"] == "42.0"
