"""The versions of the built-in XGBoost."""

import json
import subprocess
import sys
from importlib.resources import files

import pytest
from sagemaker_xgboost import IMAGE_VERSIONS, LEGACY_TAGS

from runner.spec.hyperparameters import find_unknown_version, has_known_rules


def test_they_are_those_of_the_installed_sdk() -> None:
    """Which the notebooks ask for the image's address."""
    path = files("sagemaker.core") / "image_uri_config" / "xgboost.json"
    training = json.loads(path.read_text())["training"]

    assert {*IMAGE_VERSIONS, *LEGACY_TAGS} == {
        *training["versions"],
        *training["version_aliases"],
    }


@pytest.mark.parametrize("version", [*IMAGE_VERSIONS, *LEGACY_TAGS])
def test_a_known_version_passes(version: str) -> None:
    """Old ones too; only of the first image no rules are known."""
    assert find_unknown_version(version) == ""
    assert has_known_rules(version) is (version not in LEGACY_TAGS)


@pytest.mark.parametrize("version", ["3.9-0", "3.2.0", "3.2"])
def test_an_unknown_version_is_told_with_the_known_ones(version: str) -> None:
    """The SDK would refuse it in the notebook, after `prepare` has run."""
    assert "1.7-1, 3.0-5, 3.2-0, or upgrade sagemaker" in find_unknown_version(version)


def test_a_newer_sdk_may_know_more(monkeypatch, tmp_path) -> None:
    """A new image needs no change here: its SDK knows it."""
    config = tmp_path / "sagemaker" / "core" / "image_uri_config" / "xgboost.json"
    config.parent.mkdir(parents=True)
    (tmp_path / "sagemaker" / "__init__.py").touch()
    versions = {"versions": {"3.9-0": {}}, "version_aliases": {}}
    config.write_text(json.dumps({"training": versions}))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sagemaker", raising=False)

    assert find_unknown_version("3.9-0") == ""
    assert find_unknown_version("3.9-1") != ""
    assert not has_known_rules("3.9-0")


def test_without_an_sdk_any_version_may_be_right() -> None:
    """CircleCI's setup job has none, and is not the place to find out."""
    script = (
        "import importlib.util\n"
        "importlib.util.find_spec = lambda name: None\n"
        "from runner.images import find_unknown\n"
        "print(repr(find_unknown('3.9-0')))\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert answer.stdout.strip() == "''"
