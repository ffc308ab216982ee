"""The versions of SageMaker's built-in XGBoost."""

import json
from importlib.util import find_spec
from pathlib import Path

# Those of sagemaker/core/image_uri_config/xgboost.json, SageMaker SDK 3.
FIRST = ("latest", "1")
KNOWN = (
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


def find_unknown(version: str) -> str:
    """Say why a version cannot be had, which the SDK would say in the notebook.

    The SDK that is installed may know newer ones; where none is, as in CircleCI's
    setup job, any may be right.
    """
    if version in KNOWN or version in FIRST:
        return ""
    installed = _installed()
    if not installed or version in installed:
        return ""
    known = ", ".join(KNOWN)
    return f"give {known}, or upgrade sagemaker in requirements.in for a newer one"


def has_known_rules(version: str) -> bool:
    """Tell whether the hyperparameters of a version are those that are known here."""
    return version in KNOWN


def _installed() -> frozenset[str]:
    """Read the versions that the installed SDK knows, without importing it."""
    package = find_spec("sagemaker")
    folders = package.submodule_search_locations if package else None
    for folder in folders or ():
        path = Path(folder) / "core" / "image_uri_config" / "xgboost.json"
        if path.is_file():
            training = json.loads(path.read_text(encoding="utf-8"))["training"]
            return frozenset(training["versions"]) | set(training["version_aliases"])
    return frozenset()
