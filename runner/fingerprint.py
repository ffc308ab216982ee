"""The content identity of a model: what determines it once trained, as one sha256."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path, PurePosixPath

from runner import git
from runner.signature import code_cells, source
from runner.spec import find_notebook, load_spec

TRAINING_STAGES = ("prepare", "train-register")
# Changing who owns a model or how it is served does not change the model.
NOT_TRAINED = {"description", "owner", "approval", "endpoint", "reuse"}
LITTER = {"__pycache__", ".ipynb_checkpoints", ".DS_Store"}

Tracked = Mapping[str, list[str]]


def fingerprint(root: Path, model: str, *, tracked: Tracked | None = None) -> str:
    """Identify a model's content, wherever and however it is checked out.

    Who asks for many models lists the `tracked_files` once.
    """
    spec = load_spec(root, model)
    files = tracked_files(root, model) if tracked is None else tracked
    content = {
        "notebooks": {
            stage: _code(find_notebook(root, model, stage)) for stage in TRAINING_STAGES
        },
        # As it stands there: a new default in the runner makes no model a new one.
        "model.yaml": spec.model_dump(
            mode="json", exclude=NOT_TRAINED, exclude_unset=True
        ),
        "files": dict(_files(root / "models" / model, files.get(model, []))),
        "requirements.txt": _content(root / "requirements.txt"),
    }
    text = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def deployment(root: Path, model: str, *, content: str = "") -> str:
    """Identify what deploying a checkout comes to: its content, and how it is served.

    Who has the fingerprint already gives it as `content`.
    """
    spec = load_spec(root, model)
    served = {
        "content": content or fingerprint(root, model),
        "deploy": _code(find_notebook(root, model, "deploy")),
        "endpoint": spec.endpoint.model_dump(mode="json", exclude_unset=True),
    }
    text = json.dumps(served, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def runner_code() -> str:
    """Identify the code that notebooks call here: no content, but what they do."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    for path in sorted(here.rglob("*.py")):
        digest.update(f"{path.relative_to(here).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def tracked_files(root: Path, model: str = "") -> dict[str, list[str]]:
    """List each model's files that git knows, relative to the model's folder."""
    folder = PurePosixPath("models", model)
    if git.is_repository(root):
        names: Iterable[str] = _git_files(root, folder)
    else:
        names = _all_files(root, folder)
    found: dict[str, list[str]] = {}
    for name in names:
        _, one, *rest = PurePosixPath(name).parts
        if rest:
            found.setdefault(one, []).append("/".join(rest))
    return found


def _git_files(root: Path, folder: PurePosixPath) -> list[str]:
    listed = git.output(root, "ls-files", "-z", "--", str(folder))
    names = listed.decode(errors="surrogateescape").split("\0")
    return [name for name in names if name]


def _all_files(root: Path, folder: PurePosixPath) -> Iterator[str]:
    """List the files of a folder that git does not know, but for litter."""
    for path in (root / folder).rglob("*"):
        if LITTER.isdisjoint(path.parts) and not (
            path.is_dir() or path.suffix == ".pyc"
        ):
            yield path.relative_to(root).as_posix()


def _files(folder: Path, names: Iterable[str]) -> Iterator[tuple[str, object]]:
    """Read each file that no other part of the fingerprint stands for."""
    elsewhere = {"model.yaml", *(f"{stage}.ipynb" for stage in TRAINING_STAGES)}
    for name in names:
        if name in elsewhere or name.lower().startswith("readme"):
            continue
        path = folder / name
        if path.suffix == ".ipynb" and path.is_file():
            yield name, _code(path)
        elif path.is_symlink() or path.exists():
            yield name, _content(path)


def _code(notebook: Path) -> list[str]:
    """Read a notebook's code, without markdown, outputs, ids and metadata."""
    return _cached_code(notebook, notebook.stat().st_mtime_ns)


@lru_cache(maxsize=1024)
def _cached_code(notebook: Path, modified: int) -> list[str]:
    """Read a shared notebook once for all the models that inherit it."""
    return [source(cell) for cell in code_cells(notebook)]


def _content(path: Path) -> str:
    """Hash what a reader of this file gets; a dead link has its target."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return f"link to {path.readlink()}" if path.is_symlink() else "nothing"
