"""The fingerprint of a model: a sha256 over what determines the trained model."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import lifecycle
from runner import TRAINING_STAGES
from runner.git import git_output, is_repository
from runner.notebook.ipynb import cell_source, read_code_cells
from runner.spec.models import find_notebook, parse_spec, read_yaml

# Changing who owns a model or how it is served does not change the model.
NOT_TRAINED = frozenset({"description", "owner", "approval", "endpoint", "reuse"})
LITTER = frozenset({"__pycache__", ".ipynb_checkpoints", ".DS_Store"})

# By model its files that git tracks, relative to the model's folder.
Tracked = Mapping[str, list[str]]


def fingerprint(
    root: Path,
    model: str,
    *,
    data: Mapping[str, Any] | None = None,
    tracked: Tracked | None = None,
) -> str:
    """Return the fingerprint of a model, wherever and however it is checked out.

    Args:
        data: the keys of its model.yaml, if they were read and checked already.
        tracked: from `tracked_files`, which a caller with many models calls once.

    Raises:
        SpecError: model.yaml is wrong.
    """
    if data is None:
        data = read_yaml(root, model)
        parse_spec(root, model, data)
    files = tracked_files(root, model) if tracked is None else tracked
    task = str(data.get("task", ""))
    content = {
        "notebooks": {
            stage: _read_code(find_notebook(root, model, stage, task))
            for stage in TRAINING_STAGES
        },
        "model.yaml": {key: one for key, one in data.items() if key not in NOT_TRAINED},
        "files": dict(_read_files(root / "models" / model, files.get(model, []))),
        "requirements.txt": _file_hash(root / "requirements.txt"),
    }
    return _hash(content)


def serving_fingerprint(
    root: Path,
    model: str,
    content: str,
    *,
    data: Mapping[str, Any] | None = None,
) -> str:
    """Return a sha256 over what deploying a checkout leads to.

    Args:
        content: the fingerprint; the deploy notebook and `endpoint:` count beside it.
    """
    data = read_yaml(root, model) if data is None else data
    notebook = find_notebook(root, model, "deploy", str(data.get("task", "")))
    return _hash(
        {
            "content": content,
            "deploy": _read_code(notebook),
            "endpoint": data.get("endpoint"),
        }
    )


@cache
def lifecycle_hash() -> str:
    """Return a sha256 over the code of `lifecycle`, which the notebooks call."""
    folder = Path(str(lifecycle.__file__)).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def tracked_files(root: Path, model: str = "") -> dict[str, list[str]]:
    """Return by model the files that git tracks, relative to the model's folder.

    Outside of a repository it is all files.
    """
    folder = PurePosixPath("models", model)
    names: Iterable[str]
    if is_repository(root):
        listed = git_output(root, "ls-files", "-z", "--", str(folder))
        names = filter(None, listed.decode(errors="surrogateescape").split("\0"))
    else:
        names = _all_files(root, folder)
    found: dict[str, list[str]] = {}
    for name in names:
        _, one, *rest = PurePosixPath(name).parts
        if rest:
            found.setdefault(one, []).append("/".join(rest))
    return found


def _all_files(root: Path, folder: PurePosixPath) -> Iterator[str]:
    for path in (root / folder).rglob("*"):
        if LITTER.isdisjoint(path.parts) and not (
            path.is_dir() or path.suffix == ".pyc"
        ):
            yield path.relative_to(root).as_posix()


def _read_files(folder: Path, names: Iterable[str]) -> Iterator[tuple[str, object]]:
    """Read each file that no other part of the fingerprint stands for."""
    elsewhere = {"model.yaml", *(f"{stage}.ipynb" for stage in TRAINING_STAGES)}
    for name in names:
        if name in elsewhere or name.lower().startswith("readme"):
            continue
        path = folder / name
        if path.suffix == ".ipynb" and path.is_file():
            yield name, _read_code(path)
        elif path.is_symlink() or path.exists():
            yield name, _file_hash(path)


def _read_code(notebook: Path) -> list[str]:
    """Read a notebook's code, without Markdown, outputs, ids and metadata."""
    return _cached_code(notebook, notebook.stat().st_mtime_ns)


@lru_cache(maxsize=1024)
def _cached_code(notebook: Path, _modified: int) -> list[str]:
    """Read a shared notebook once for all models that use it."""
    return [cell_source(cell) for cell in read_code_cells(notebook)]


def _file_hash(path: Path) -> str:
    """Hash the content of a file; of a dead link its target."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return f"link to {path.readlink()}" if path.is_symlink() else "nothing"


def _hash(content: Mapping[str, Any]) -> str:
    # YAML may hold dates; `model.yaml` is checked elsewhere.
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
