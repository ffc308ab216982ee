"""The two sample models, if they are here, run as a demo and as in JupyterLab."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import clones
import pytest
from embedded_aws import EmbeddedAWS

from lifecycle import approval, registry

SAMPLES = ("abalone", "churn")
NBVAL = (
    "pytest",
    *("-p", "forked_kernels.plugins", "-p", "no:cacheprovider", "-p", "no:xdist"),
    *("--nbval-lax", "--quiet", "--override-ini=addopts="),
    "--override-ini=filterwarnings=default",
    *("--disable-socket", "--allow-unix-socket", "--allow-hosts=127.0.0.1,localhost"),
)

pytestmark = pytest.mark.slow


def require(*models: str) -> None:
    """Skip a test of samples that the team has removed."""
    for name in models:
        if not (clones.ROOT / "models" / name / "model.yaml").is_file():
            pytest.skip(f"models/{name} was removed")


@pytest.fixture(scope="module")
def samples_aws() -> Iterator[EmbeddedAWS]:
    """An embedded AWS of the samples' own."""
    with clones.start_aws() as embedded:
        yield embedded


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with those of the two samples that are here."""
    root = tmp_path_factory.mktemp("samples") / "clone"
    folders = [f"models/{name}" for name in SAMPLES]
    clones.copy_checkout(root, *clones.TEMPLATE, *folders)
    return root


@pytest.fixture(scope="module")
def demo(clone: Path, samples_aws: EmbeddedAWS) -> dict[str, Any]:
    """The outcome of `make demo`, by model."""
    command = ("runner", "run", "--all", "--target", "local", "--json")
    ended = clones.run(clone, samples_aws, *command)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return {one["model"]: one["results"] for one in json.loads(ended.stdout)}


@pytest.fixture
def nbval(
    clone: Path, samples_aws: EmbeddedAWS
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Let nbval run notebooks from top to bottom, each on a fresh kernel."""
    return lambda *notebooks: clones.run(clone, samples_aws, *NBVAL, *notebooks)


@pytest.mark.parametrize(
    ("model", "promised"),
    [
        ("abalone", {"rmse": (0, 2.35)}),
        ("churn", {"auc": (0.90, 1), "accuracy": (0.94, 1)}),
    ],
)
def test_a_sample_is_as_good_as_promised(
    request: pytest.FixtureRequest,
    model: str,
    promised: dict[str, tuple[float, float]],
) -> None:
    """The test metrics of the demo are within the README's figures."""
    require(model)
    metrics = request.getfixturevalue("demo")[model]["metrics"]

    for name, (low, high) in promised.items():
        assert low <= metrics[name] <= high


def test_the_defaults_run_in_their_order(
    nbval: Callable[..., subprocess.CompletedProcess[str]],
    samples_aws: EmbeddedAWS,
    clone: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Prepare, train and register, then, once approved, deploy: as in JupyterLab."""
    require(*SAMPLES)
    trained = nbval(
        "models/abalone/prepare.ipynb",
        "models/churn/prepare.ipynb",
        "notebooks/binary/train-register.ipynb",
        "notebooks/regression/train-register.ipynb",
    )
    assert trained.returncode == 0, trained.stdout

    for name, value in samples_aws.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(clone)
    content = registry.fingerprint_of("abalone", {})
    newest = approval.find_newest("abalone", content)
    approval.approve("abalone", version=newest.version)

    deployed = nbval("notebooks/deploy.ipynb")
    assert deployed.returncode == 0, deployed.stdout
