"""Sessions share what describes AWS, and read what is somebody's own."""

import json
import os
import subprocess
import sys
from pathlib import Path

LIMIT_SECONDS = 60
# In a process of its own: what is shared stays shared.
SHARED = """
import boto3, botocore.session, json, sys
from forked_kernels.descriptions import share
share()
loaders = [botocore.session.Session().get_component("data_loader") for _ in range(2)]
session = boto3.Session(region_name="eu-west-1")
print(json.dumps({
    "same": loaders[0] is loaders[1],
    "endpoint": session.client("sagemaker").meta.endpoint_url,
    "services": "toys" in loaders[0].list_available_services("service-2"),
}))
"""


def said(**environment: str) -> dict[str, object]:
    """Run that in an environment without AWS."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    answer = subprocess.run(
        [sys.executable, "-c", SHARED],
        env=kept
        | {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        | environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=True,
    )
    return json.loads(answer.stdout)


def test_sessions_share_one_loader() -> None:
    """Its clients are those that any loader would make."""
    assert said() == {
        "same": True,
        "endpoint": "https://api.sagemaker.eu-west-1.amazonaws.com",
        "services": False,
    }


def test_descriptions_of_ones_own_are_read(tmp_path: Path) -> None:
    """Who names a folder in AWS_DATA_PATH gets what is in it."""
    folder = tmp_path / "toys" / "2026-01-01"
    folder.mkdir(parents=True)
    (folder / "service-2.json").write_text("{}")

    assert said(AWS_DATA_PATH=str(tmp_path))["services"] is True
