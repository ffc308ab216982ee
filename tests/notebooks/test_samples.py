"""The samples of the shared notebooks, if here, run as a demo and in JupyterLab."""

import json
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import clones
import pytest
import yaml
from embedded_aws import EmbeddedAWS
from recompute import recompute, shown_of

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
        ("churn", {"auc": (0.90, 1), "cost": (0, 32)}),
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


@pytest.mark.parametrize("model", SAMPLES)
def test_what_a_sample_shows_is_computed_again_without_this_repository(
    demo: dict[str, Any], clone: Path, samples_aws: EmbeddedAWS, model: str
) -> None:
    """Metrics, groups, outcomes, SHAP values and the largest errors."""
    require(model)
    folder, s3 = clone / "build" / model, clones.connect(samples_aws, "s3")

    def read(uri: str) -> bytes:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        content: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return content

    spec = (clone / "models" / model / "model.yaml").read_text()
    expected = recompute(folder, read, yaml.safe_load(spec))
    shown = shown_of(folder)

    near = partial(pytest.approx, rel=1e-5, abs=1e-6)
    assert shown["metrics"] == near(expected["metrics"])
    assert shown["looks"] == 0
    for one in shown["slices"]:
        values = {name: value["value"] for name, value in one["metrics"].items()}
        assert values == near(expected["slices"][one["column"], one["group"]])
    assert len(shown["slices"]) == len(expected["slices"])
    table = [
        dict(zip(shown["features"]["columns"], one, strict=True))
        for one in shown["features"]["rows"]
    ]
    assert [one["importance"] for one in table] == near(expected["shap"])
    place = shown["worst"]["columns"].index("residual")
    residuals = [abs(row[place]) for row in shown["worst"]["rows"]]
    assert residuals == near(expected["worst"].tolist())
    if "confusion" in expected:
        names = ("true_negative", "false_positive", "false_negative", "true_positive")
        assert [shown["confusion"][one] for one in names] == expected["confusion"]
    review = json.loads((folder / "review.json").read_text())
    assert {one["metric"]: one["candidate"] for one in review["comparison"]} == near(
        expected["metrics"]
    )


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
