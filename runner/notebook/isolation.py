"""What of this machine reaches a kernel that the runner starts.

A kernel has the environment variables below and no others, no startup files and no
packages of the person who runs it: what a notebook returns depends on the repository,
its parameters, its data and AWS. A team adds variables in pyproject.toml:

    [tool.runner]
    kernel-environment = ["MLFLOW_TRACKING_URI"]
"""

import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.machinery import PathFinder
from pathlib import Path

from lifecycle.errors import ConfigurationError, did_you_mean
from runner.notebook.environments import Environment

# The programs, the person and the place.
NAMES = frozenset(
    """
    HOME LANG LANGUAGE LOGNAME PATH SHELL TMPDIR TZ USER
    ALL_PROXY HTTPS_PROXY HTTP_PROXY NO_PROXY all_proxy https_proxy http_proxy no_proxy
    CURL_CA_BUNDLE REQUESTS_CA_BUNDLE SSL_CERT_DIR SSL_CERT_FILE
    LD_LIBRARY_PATH
    """.split()  # noqa: SIM905, a list of names reads better unquoted
)
# AWS, the language, the home of caches, and what numeric libraries read.
PREFIXES = (
    *("AWS_", "SAGEMAKER_", "LC_", "XDG_"),
    *("CUDA_", "MKL_", "NUMEXPR_", "NVIDIA_", "OMP_", "OPENBLAS_"),
)
# Change which code a kernel runs, or belong to CI: no team can add them.
NEVER = ("PYTHON", "IPYTHON", "JUPYTER", "CIRCLE", "GITHUB_", "GH_")
# Python runs these whenever it starts, if it finds them.
CUSTOMIZATIONS = ("sitecustomize", "usercustomize")
# The runner's own, in every kernel.
STARTUP = Path(__file__).with_name("startup.py")
KEY = "kernel-environment"
PLACE = f"tool.runner.{KEY}"


def kernel_environment(
    environment: Mapping[str, str],
    root: Path | None = None,
    own: Environment | None = None,
) -> dict[str, str]:
    """Return the variables of an environment that reach a kernel.

    Args:
        root: the repository, whose pyproject.toml may name more.
        own: the model's own environment, whose `python` comes first.

    Raises:
        ConfigurationError: pyproject.toml names what no kernel may have, or the
            repository has a module that Python would run in every kernel.
    """
    more = named_variables(root) if root else frozenset()
    kept = {
        name: value
        for name, value in environment.items()
        if name in NAMES or name in more or name.startswith(PREFIXES)
    }
    # Packages in a person's home folder are no part of the repository's lock.
    kept["PYTHONNOUSERSITE"] = "1"
    return own.variables(kept) if own else kept


def named_variables(root: Path) -> frozenset[str]:
    """Return the variables that a repository's pyproject.toml lets reach kernels."""
    _refuse_customizations(root)
    path = root / "pyproject.toml"
    if not path.is_file():
        return frozenset()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigurationError(f"pyproject.toml: not TOML, {error}") from error
    section = content.get("tool", {}).get("runner", {})
    for key in section:
        if key != KEY:
            hint = did_you_mean(key, [KEY])
            raise ConfigurationError(
                f"pyproject.toml: tool.runner.{key}: no key; {hint}"
            )
    named = section.get(KEY, [])
    if not isinstance(named, list) or not all(isinstance(one, str) for one in named):
        raise ConfigurationError(f"pyproject.toml: {PLACE}: give a list of names")
    for name in named:
        if name.upper().startswith(NEVER):
            raise ConfigurationError(
                f"pyproject.toml: {PLACE}: {name} never reaches a kernel; give it what "
                "it needs as a parameter, or under a name of your own"
            )
    return frozenset(named)


def kernel_arguments(root: Path | None) -> list[str]:
    """Return the arguments of a kernel: what it imports from where, and nothing else.

    It loads no extensions, which this environment has for a person's notebooks. The
    packages of the repository come after Python's own and the notebook's folder, and
    before installed ones.
    """
    arguments = ["--IPKernelApp.extensions=[]"]
    lines = [STARTUP.read_text(encoding="utf-8")]
    if root is not None:
        at = "sys.path.index('') + 1"
        lines.append(f"import sys; sys.path.insert({at}, {str(root)!r})")
    # In namespaces of their own, so that they leave nothing in the notebook's.
    lines = [f"--IPKernelApp.exec_lines=exec({one!r}, {{}})" for one in lines]
    return [*arguments, *lines]


@contextmanager
def ipython_folder() -> Iterator[str]:
    """Make an empty IPYTHONDIR for one kernel: no startup files, no configuration."""
    with tempfile.TemporaryDirectory(
        prefix="ipython-", ignore_cleanup_errors=True
    ) as folder:
        yield folder


def _refuse_customizations(root: Path) -> None:
    """Refuse a module that would change every model, and is no model's content."""
    for name in CUSTOMIZATIONS:
        if PathFinder.find_spec(name, [str(root)]):
            raise ConfigurationError(
                f"{name}.py: Python would run it in every kernel, whatever its "
                "notebook imports; move its code into a module that notebooks import"
            )
