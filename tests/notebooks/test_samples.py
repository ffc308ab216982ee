"""Every notebook runs with the defaults of its parameters cell, as in JupyterLab."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lifecycle import registry
from runner.spec.fingerprint import fingerprint

ROOT = Path(__file__).parents[1]
LIMIT = 600

pytestmark = pytest.mark.slow


def nbval(*notebooks):
    """Let nbval run notebooks from top to bottom, each on a fresh kernel."""
    answer = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "forked_kernels.nbval",
            "--nbval-lax",
            "--quiet",
            "--override-ini=addopts=",
            "--override-ini=filterwarnings=default",
            "--disable-socket",
            "--allow-unix-socket",
            "--allow-hosts=127.0.0.1,localhost",
            "-p",
            "no:cacheprovider",
            *notebooks,
        ],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    return answer.returncode, answer.stdout + answer.stderr


def test_the_defaults_run_in_their_order(aws):
    """Prepare, train and register, then, once approved, deploy."""
    code, said = nbval("models/abalone/prepare.ipynb", "notebooks/train-register.ipynb")
    assert code == 0, said

    newest = registry.find_newest("abalone", fingerprint(ROOT, "abalone"))
    registry.approve("abalone", version=newest.version)

    code, said = nbval("notebooks/deploy.ipynb")
    assert code == 0, said


def test_churns_own_notebooks_run_too(aws):
    """A model's own evaluation stands on its own defaults."""
    code, said = nbval(
        "models/churn/prepare.ipynb", "models/churn/train-register.ipynb"
    )
    assert code == 0, said


def test_training_before_preparing_says_so(aws, monkeypatch):
    """Who opens train-register first reads what to run before it."""
    monkeypatch.setenv("SAGEMAKER_BUCKET", "nothing-prepared")
    registry.client("s3").create_bucket(Bucket="nothing-prepared")

    code, said = nbval("notebooks/train-register.ipynb")

    assert code == 1
    assert "prepare" in said
