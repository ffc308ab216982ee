"""Fixtures that many tests share."""

import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import clones
import pytest
import warm_python
from click.testing import CliRunner, Result
from embedded_aws import EmbeddedAWS, images, stop

from runner.cli.local import FOLDER_VARIABLE
from runner.notebook.environments import CACHE_VARIABLE

TOY = Path(__file__).parent / "toy"
# They take longest, so that no process works on one of them when all others are done.
LONGEST = (
    "tests/story/test_story.py",
    "tests/notebooks/test_samples.py",
    "tests/notebooks/test_end_to_end.py",
    "tests/notebooks/test_penguins.py",
    "tests/lifecycle/test_deploy.py",
    "tests/runner/review/test_browser.py",
    "tests/runner/pipeline/test_run.py",
    "tests/runner/pipeline/test_release.py",
    "tests/runner/pipeline/test_earlier.py",
    "tests/runner/notebook/test_execute.py",
    "tests/lifecycle/test_approval.py",
    "packages/forked-kernels/tests/test_plugins.py",
    "tests/runner/spec/test_content_mutations.py",
    "tests/notebooks/test_added_stage.py",
    "packages/forked-kernels/tests/test_server.py",
    "packages/embedded-aws/tests/test_training_run.py",
    "tests/runner/cli/test_release.py",
    "tests/runner/ci/test_selection.py",
    "packages/forked-kernels/tests/test_client.py",
    "tests/runner/cli/test_run.py",
    "tests/story/reliability/test_reliability.py",
    "packages/embedded-aws/tests/test_sharing.py",
    "tests/runner/cli/test_local.py",
    "packages/notebook-page/tests/test_page_in_browser.py",
    "tests/runner/cli/test_ci.py",
)
# XGBoost reads it when it is loaded: there is a process of tests for each core already.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# What one process compiles, the others need not: neither these tests nor the clones.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# While tests are collected nearly all that is made is kept.
gc.disable()
# A new repository gets no examples of hooks, and no commit looks for garbage.
os.environ |= {
    "GIT_TEMPLATE_DIR": "",
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "maintenance.auto",
    "GIT_CONFIG_VALUE_0": "false",
}


def pytest_configure(config: pytest.Config) -> None:
    """Hide this machine's AWS, CI and embedded AWS, and hear Ctrl-C.

    What starts Python warm is shared by the processes of pytest-xdist.
    """
    hidden = ("AWS_", "CIRCLE", "RUNNER_", "SAGEMAKER_")
    for name in [name for name in os.environ if name.startswith(hidden)]:
        del os.environ[name]
    os.environ.pop("CI", None)
    os.environ[FOLDER_VARIABLE] = tempfile.mkdtemp(prefix="embedded-aws-of-tests-")
    # No test finds, or makes, what a user has pulled.
    os.environ[images.CACHE_VARIABLE] = os.environ[FOLDER_VARIABLE] + "-images"
    os.environ[CACHE_VARIABLE] = os.environ[FOLDER_VARIABLE] + "-environments"
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        # A shell lets its background jobs ignore it, and their processes inherit that.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        warm = warm_python.started()
        warm.__enter__()
        config.add_cleanup(lambda: warm.__exit__(None, None, None))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Let each process of pytest-xdist begin to collect elsewhere.

    Each finds compiled what the others have collected before.
    """
    config = session.config
    if hasattr(config, "workerinput") and config.args == config.getini("testpaths"):
        folders = sorted(
            str(path.relative_to(config.rootpath))
            for name in config.args
            for path in (config.rootpath / name).iterdir()
            if path.is_dir() or path.name.startswith("test_")
        )
        number = int(config.workerinput["workerid"].removeprefix("gw"))
        first = len(folders) * number // config.workerinput["workercount"]
        config.args = folders[first:] + folders[:first]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest; the order is that of all processes."""
    order = {name: place for place, name in enumerate(LONGEST)}

    def place(item: pytest.Item) -> tuple[int, str]:
        file = item.nodeid.partition("::")[0]
        return order.get(file, len(LONGEST)), file

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """Let the garbage collector never look at what was collected and imported."""
    gc.enable()
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """End the embedded AWS that commands of the tests have left running."""
    folder = Path(os.environ[FOLDER_VARIABLE])
    stop(folder)
    shutil.rmtree(folder)
    for name in (images.CACHE_VARIABLE, CACHE_VARIABLE):
        shutil.rmtree(os.environ[name], ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def retry_at_once() -> Iterator[None]:
    """Make botocore's pauses between attempts short; it makes as many attempts."""
    with pytest.MonkeyPatch.context() as patch:
        pause = "botocore.retries.standard.ExponentialBackoff.delay_amount"
        patch.setattr(pause, lambda *_: 0.0)
        yield


@pytest.fixture(scope="session", autouse=True)
def descriptions() -> None:
    """Read botocore's descriptions of AWS once, and not for each session."""
    warm_python.share_descriptions()


@pytest.fixture(autouse=True)
def clean_environ(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget boto3's own session: it remembers the environment it was made in."""
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)


@pytest.fixture(scope="session")
def toy_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The git repository that `repo` copies; no test changes this one."""
    root = tmp_path_factory.mktemp("toy") / "repo"
    shutil.copytree(TOY, root)
    identity = ["-c", "user.name=toy", "-c", "user.email=toy@example.com"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "Toy"]):
        subprocess.run(["git", "-C", str(root), *command], check=True)
    return root


@pytest.fixture
def repo(tmp_path: Path, toy_repository: Path) -> Path:
    """A git repository with one model, `toy`, that inherits its later notebooks."""
    root = tmp_path / "repo"
    shutil.copytree(toy_repository, root)
    return root


@pytest.fixture(scope="session")
def embedded_aws() -> Iterator[EmbeddedAWS]:
    """One embedded AWS for all the tests that need one."""
    with clones.start_aws() as embedded:
        yield embedded


@pytest.fixture
def aws(
    clean_environ: None, monkeypatch: pytest.MonkeyPatch, embedded_aws: EmbeddedAWS
) -> EmbeddedAWS:
    """The embedded AWS, which every AWS client of the test talks to."""
    for name, value in embedded_aws.environment.items():
        monkeypatch.setenv(name, value)
    return embedded_aws


@pytest.fixture
def invoke() -> Callable[..., Result]:
    """Call the command line in this process: `invoke("show", "toy")`."""
    from runner.cli import runner

    return lambda *arguments: CliRunner().invoke(runner, arguments)
