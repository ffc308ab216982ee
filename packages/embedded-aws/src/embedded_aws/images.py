"""The package versions of SageMaker's images, as environments of this machine.

`embedded-aws pull sklearn:1.9-0` makes one with uv, once and outside every clone, in a
folder of the user's cache. Scripts train and serve in it; no script changes it.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

PINS = Path(__file__).with_name("image_pins")
CACHE_VARIABLE = "EMBEDDED_AWS_IMAGES"
IMAGE_URI = re.compile(
    r"(?P<registry>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?"
    r"/(?P<repository>[^:@]+):(?P<tag>[^:@]+)"
)
# By the repository of an image: how `pull` names it.
FRAMEWORKS = {"sagemaker-scikit-learn": "sklearn", "sagemaker-xgboost": "xgboost"}
PROCESSORS = re.compile(r"-(cpu|gpu)-py3$")
DESCRIPTION = "image.json"
# uv downloads what its cache does not have.
PULL_SECONDS = 3600
ASK_SECONDS = 60
# Asks an interpreter where its packages are, and which one a virtual environment uses.
ASK = """
import json, sys, sysconfig
paths = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
base = getattr(sys, "_base_executable", None) or sys.executable
version = "%d.%d" % sys.version_info[:2]
print(json.dumps({"base": base, "version": version, "packages": paths}))
"""


class ImageError(Exception):
    """Report in one line why the environment of an image cannot be made or used."""


@dataclass(frozen=True, kw_only=True)
class ImageEnvironment:
    """Hold where the environment of an image is, which is not changed.

    `base` is the interpreter below a virtual environment, `packages` are its folders of
    packages, and `digest` is of the requirements that it was made from.
    """

    image: str
    python: str
    base: str
    version: str
    packages: list[str]
    digest: str


def short_name(image: str) -> str:
    """Return how `pull` names an image: `sklearn:1.9-0`, or a URI of no framework."""
    match = IMAGE_URI.fullmatch(image)
    if match and (framework := FRAMEWORKS.get(match["repository"])):
        return f"{framework}:{PROCESSORS.sub('', match['tag'])}"
    return image


def known_images() -> list[str]:
    """Return the images whose requirements this package has."""
    names = [path.stem.partition("-") for path in sorted(PINS.glob("*.txt"))]
    return [f"{framework}:{version}" for framework, _, version in names]


def cache_folder() -> Path:
    """Return where the environments are."""
    if own := os.environ.get(CACHE_VARIABLE):
        return Path(own)
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "embedded-aws" / "images"


def find(image: str) -> ImageEnvironment:
    """Return the environment of an image; raise ImageError if it was not pulled."""
    name = short_name(image)
    try:
        text = (_folder(name) / DESCRIPTION).read_text()
        found = ImageEnvironment(**json.loads(text))
    except FileNotFoundError:
        raise ImageError(_not_pulled(name, "is not on this machine")) from None
    except (OSError, ValueError, TypeError) as error:
        raise ImageError(_not_pulled(name, f"cannot be read ({error})")) from error
    if not Path(found.python).exists():
        raise ImageError(_not_pulled(name, f"has lost its {found.python}"))
    if found.digest and name in known_images() and found.digest != _digest(_pins(name)):
        raise ImageError(_not_pulled(name, "was made from other requirements"))
    return found


def is_pulled(image: str) -> bool:
    """Return whether an image has an environment that can be used."""
    try:
        find(image)
    except ImageError:
        return False
    return True


def _not_pulled(name: str, why: str) -> str:
    known = name in known_images()
    more = "" if known else " --requirements FILE"
    return (
        f"the environment of image {name} {why}; make it with: "
        f"embedded-aws pull {name}{more}"
    )


def pull(
    image: str, requirements: Path | None = None, python: str | None = None
) -> ImageEnvironment:
    """Make the environment of an image, unless it is there.

    Args:
        image: `sklearn:1.9-0`, or the URI of an image.
        requirements: a file of requirements, for an image that `known_images` lacks.
        python: a version or an interpreter; else what the requirements name.

    Raises:
        ImageError: no requirements, no interpreter, no uv, or uv cannot install them.
    """
    name = short_name(image)
    if requirements is not None and name in known_images():
        raise ImageError(
            f"image {name} has its own requirements: --requirements is for your images"
        )
    pins = _pins(name) if requirements is None else requirements
    digest = _digest(pins)
    folder = _folder(name)
    with _locked(folder):
        if is_pulled(name) and find(name).digest == digest and python is None:
            return find(name)
        target = folder / f"env-{digest[:12]}"
        wanted = python or _named_python(pins)
        _run_uv("venv", "--quiet", "--clear", "--python", _interpreter(wanted), target)
        interpreter = target / "bin" / "python"
        options = ("--compile-bytecode", "--requirements", pins.absolute())
        _run_uv("pip", "install", "--quiet", "--python", interpreter, *options)
        made = _describe(name, interpreter, digest)
        _keep(folder, made)
        for old in folder.glob("env-*"):
            if old != target:
                shutil.rmtree(old, ignore_errors=True)
    return made


def use_environment(image: str, python: Path) -> ImageEnvironment:
    """Let an image run in an environment that exists, named by its interpreter."""
    name = short_name(image)
    if not os.access(python, os.X_OK) or python.is_dir():
        raise ImageError(f"{python}: no interpreter; give the bin/python of one")
    folder = _folder(name)
    with _locked(folder):
        described = _describe(name, python.absolute(), "")
        _keep(folder, described)
    return described


def _folder(name: str) -> Path:
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
    plain = readable == name.replace(":", "-", 1)
    mark = "" if plain else f"-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return cache_folder() / f"{readable}{mark}"


def _pins(name: str) -> Path:
    if name not in known_images():
        raise ImageError(
            f"no requirements for image {name}; give them with --requirements FILE, or "
            f"choose one of {', '.join(known_images())}"
        )
    return PINS / f"{name.replace(':', '-')}.txt"


def _digest(pins: Path) -> str:
    try:
        return hashlib.sha256(pins.read_bytes()).hexdigest()
    except OSError as error:
        raise ImageError(f"{pins}: {error.strerror}") from error


def _named_python(pins: Path) -> str:
    found = re.match(r"# python (\S+)", pins.read_text())
    return found[1] if found else "{}.{}".format(*sys.version_info)


def _interpreter(wanted: str) -> str:
    """Return an interpreter of a version: of pyenv where uv would look in vain."""
    if not re.fullmatch(r"\d+(\.\d+){1,2}", wanted):
        return wanted
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = sorted(pyenv.glob(f"{wanted}*/bin/python"))
    return str(found[-1]) if found else wanted


def _run_uv(*arguments: str | Path) -> None:
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        raise ImageError("uv is not installed, which makes environments: install it")
    dropped = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")
    kept = {k: v for k, v in os.environ.items() if k not in dropped}
    try:
        done = subprocess.run(
            [uv, *map(str, arguments)],
            check=False,
            env=kept,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=PULL_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise ImageError(f"uv {arguments[0]}: not done in {PULL_SECONDS} s") from error
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise ImageError(f"uv {arguments[0]} failed: {' '.join(lines)[-2000:]}")


def _describe(name: str, python: Path, digest: str) -> ImageEnvironment:
    try:
        done = subprocess.run(
            [python, "-I", "-c", ASK],
            check=False,
            capture_output=True,
            text=True,
            timeout=ASK_SECONDS,
        )
        about = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise ImageError(f"{python}: cannot be run as Python ({error})") from error
    return ImageEnvironment(image=name, python=str(python), digest=digest, **about)


def _keep(folder: Path, described: ImageEnvironment) -> None:
    new = folder / f"{DESCRIPTION}.new"
    new.write_text(json.dumps(asdict(described), indent=2))
    new.replace(folder / DESCRIPTION)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time make the environment of a folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise ImageError(
            f"{folder}: {error.strerror}; choose another folder in {CACHE_VARIABLE}"
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
