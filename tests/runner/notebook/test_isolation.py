"""A kernel has what the repository gives it, and little of the machine."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import toys
from forked_kernels.client import WarmKernels

from lifecycle.errors import ConfigurationError
from runner.notebook.execute import execute
from runner.notebook.isolation import kernel_environment

LOOKS = """\
import os
import site
import sys

import features
from IPython import get_ipython
from IPython.display import JSON

seen = {
    "environment": dict(os.environ),
    "startup": globals().get("startup", "none"),
    "configured": get_ipython().config.get("Toy", {}).get("value", "none"),
    "customized": [name for name in ("sitecustomize", "usercustomize")
                   if name in sys.modules],
    "user_site": bool(site.ENABLE_USER_SITE),
    "executable": sys.executable,
    "features": features.__file__,
    "path": sys.path,
}"""
# What may be in a kernel beside what is allowed: Jupyter, IPython and pytest set it.
OF_JUPYTER = {
    *("IPYTHONDIR", "JPY_PARENT_PID", "JPY_SESSION_NAME", "MPLBACKEND", "PAGER"),
    *("GIT_PAGER", "CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "TERM"),
    *("PYTHONNOUSERSITE", "PYDEVD_USE_FRAME_EVAL", "KMP_DUPLICATE_LIB_OK"),
    *("KMP_INIT_AT_FORK", "JE_ARROW_MALLOC_CONF"),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with a package of its own, and a notebook below that looks."""
    first, last = toys.takes("a: int = 1")
    last["source"] = "JSON(seen)"
    folder = tmp_path / "clone" / "models" / "toy"
    toys.write(folder / "looks.ipynb", first, toys.code(LOOKS), last)
    (tmp_path / "clone" / "features.py").write_text("")
    return tmp_path / "clone"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person whose files and variables would change every kernel."""
    folder = tmp_path / "home"
    profile = folder / ".ipython" / "profile_default"
    (profile / "startup").mkdir(parents=True)
    (profile / "startup" / "00.py").write_text("startup = 'a person'")
    (profile / "ipython_kernel_config.py").write_text("c.Toy.value = 'a person'")
    code = folder / "code"
    code.mkdir()
    (code / "sitecustomize.py").write_text("")
    (code / "usercustomize.py").write_text("")
    kernel = folder / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    spec = {"argv": ["false"], "display_name": "", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    variables = {
        "IPYTHONDIR": str(folder / ".ipython"),
        "PYTHONPATH": str(code),
        "PYTHONSTARTUP": str(code / "sitecustomize.py"),
        "PYTHONHASHSEED": "7",
        "PYTHONUNBUFFERED": "1",
        "JUPYTER_PATH": str(folder / "jupyter"),
        "JUPYTER_PREFER_ENV_PATH": "0",
        "CIRCLE_TOKEN": "correct-horse-battery",
        "GITHUB_TOKEN": "correct-horse-battery",
        "MPLBACKEND": "agg",
        "SOMETHING_ELSE": "1",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return folder


def look(root: Path, kernels: WarmKernels | None) -> dict[str, Any]:
    """Execute the notebook that looks."""
    notebook = root / "models" / "toy" / "looks.ipynb"
    options: dict[str, Any] = {"time_limit": 60, "kernels": kernels, "root": root}
    executed = execute(notebook, {}, cwd=notebook.parent, **options)
    executed.raise_for_error()
    return dict(executed.results)


@pytest.mark.parametrize("cold", [False, True])
@pytest.mark.usefixtures("home")
def test_nothing_of_a_person_runs_in_a_kernel(
    kernels: WarmKernels | None, root: Path, cold: bool
) -> None:
    """No startup file, configuration, customization, Python or kernel of theirs."""
    seen = look(root, None if cold else kernels)

    assert (seen["startup"], seen["configured"]) == ("none", "none")
    assert "usercustomize" not in seen["customized"]
    assert not seen["user_site"]
    assert seen["executable"] == sys.executable


@pytest.mark.parametrize("cold", [False, True])
@pytest.mark.usefixtures("home")
def test_a_kernel_has_the_allowed_variables_and_no_others(
    kernels: WarmKernels | None,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    cold: bool,
) -> None:
    """Warm or cold; no token of CI is among them."""
    for name in ("AWS_PROFILE", "SAGEMAKER_TOY"):
        monkeypatch.setenv(name, "default")
    found = look(root, None if cold else kernels)["environment"]

    assert (found["AWS_PROFILE"], found["SAGEMAKER_TOY"]) == ("default", "default")
    assert found["PATH"] == os.environ["PATH"]
    assert found.keys() - kernel_environment(os.environ).keys() <= OF_JUPYTER
    assert "agg" not in found.get("MPLBACKEND", "")
    assert "correct-horse-battery" not in str(found)


@pytest.mark.parametrize("cold", [False, True])
def test_a_notebook_imports_the_repositorys_packages(
    kernels: WarmKernels | None, root: Path, cold: bool
) -> None:
    """Whether or not this repository is the one that is installed."""
    seen = look(root, None if cold else kernels)

    path = seen["path"]
    assert seen["features"] == str(root / "features.py")
    # After Python's own and the notebook's folder, before what is installed.
    assert path.index(str(root)) == path.index("") + 1
    assert path.index(str(root)) < path.index(sysconfig.get_path("purelib"))


def test_each_kernel_has_an_ipython_folder_of_its_own(
    kernels: WarmKernels | None, root: Path
) -> None:
    """A notebook cannot leave a startup file to the next one; the folder goes."""
    folders = {look(root, kernels)["environment"]["IPYTHONDIR"] for _ in range(2)}

    assert len(folders) == 2
    assert not any(Path(one).exists() for one in folders)


def test_a_team_names_more_variables(tmp_path: Path) -> None:
    """In pyproject.toml; a name stands for itself alone."""
    text = '[tool.runner]\nkernel-environment = ["MLFLOW_TRACKING_URI"]\n'
    (tmp_path / "pyproject.toml").write_text(text)
    variables = {"MLFLOW_TRACKING_URI": "http://m", "MLFLOW_TOKEN": "x", "PATH": "/bin"}

    found = kernel_environment(variables, tmp_path)

    assert found.items() >= {"MLFLOW_TRACKING_URI": "http://m", "PATH": "/bin"}.items()
    assert "MLFLOW_TOKEN" not in found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('["PYTHONPATH"]', "PYTHONPATH never reaches a kernel; give it what it needs"),
        ('["CIRCLE_TOKEN"]', "CIRCLE_TOKEN never reaches a kernel"),
        ('["GITHUB_TOKEN"]', "GITHUB_TOKEN never reaches a kernel"),
        ('["ipythondir"]', "ipythondir never reaches a kernel"),
        ('"A"', "kernel-environment: give a list of names"),
        ("[1]", "kernel-environment: give a list of names"),
        ("[", "pyproject.toml: not TOML"),
    ],
)
def test_what_no_kernel_may_have_is_refused(
    tmp_path: Path, text: str, said: str
) -> None:
    """The message names the file and the key."""
    content = f"[tool.runner]\nkernel-environment = {text}\n"
    (tmp_path / "pyproject.toml").write_text(content)

    with pytest.raises(ConfigurationError, match=r"pyproject\.toml") as caught:
        kernel_environment({}, tmp_path)

    assert said in str(caught.value)


def test_a_misspelt_key_is_refused_with_the_right_one(tmp_path: Path) -> None:
    """A variable that is missing in a kernel is found late."""
    text = '[tool.runner]\nkernel_environment = ["A"]\n'
    (tmp_path / "pyproject.toml").write_text(text)

    with pytest.raises(ConfigurationError, match="did you mean 'kernel-env"):
        kernel_environment({}, tmp_path)


@pytest.mark.parametrize("name", ["sitecustomize", "usercustomize"])
def test_a_module_that_runs_in_every_kernel_is_refused(
    tmp_path: Path, name: str
) -> None:
    """It would change each model, and be no model's content."""
    (tmp_path / f"{name}.py").write_text("")

    with pytest.raises(ConfigurationError, match=f"{name}.py: Python would run it in"):
        kernel_environment({}, tmp_path)


@pytest.mark.usefixtures("home")
def test_a_persons_packages_are_not_imported(root: Path) -> None:
    """Not even by a Python that is in no virtual environment."""
    code = "import site; print(site.ENABLE_USER_SITE)"
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env=kernel_environment(os.environ, root),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert answer.stdout == "False\n"
