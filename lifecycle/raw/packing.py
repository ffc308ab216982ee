"""The code that serves raw records: gathered by prepare, packed into model.tar.gz.

The same files are always the same bytes, so that the archive's sha256 stands for them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sagemaker_xgboost import archive

from lifecycle.errors import DataError, IntegrityError
from lifecycle.s3 import read_checked

# Of model.tar.gz: where a container looks for the code that serves.
CODE = "code"
HERE = Path(__file__).parent
# The modules of this repository that stand at the endpoint, by their names there.
ENTRY = Path("inference").with_suffix(".py").name
OURS = {ENTRY: HERE / "raw_inference.py", "raw_records.py": HERE / "raw_records.py"}
ABOUT = "raw_records.json"
# Beside a model's code, but no part of it. They are suffixes: whole names and patterns
# would name this repository's files, which would then belong to each model's content.
NOT_CODE = frozenset({".ipynb", ".md", ".pyc"})
REQUIREMENTS, ASKED, LOCKED = "requirements", ".in", ".txt"


def code_files(folder: Path) -> dict[str, bytes]:
    """Return what of a folder goes with its code, by path from there.

    Left out are notebooks, documents, model.yaml, and what git and Python keep hidden.
    Where requirements.in stands beside it, requirements.txt is the lock of the model's
    notebooks, and no container installs it.
    """
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and is_code(path.relative_to(folder), folder)
    }


def is_code(path: Path, folder: Path) -> bool:
    """Return whether a file goes with the code of its folder."""
    if any(part[0] == "." or part == "__pycache__" for part in path.parts):
        return False
    if path.stem == REQUIREMENTS and has_lock((folder / path).parent):
        return False
    is_spec = (path.stem, path.suffix) == ("model", ".yaml")
    return path.suffix not in NOT_CODE and not is_spec


def has_lock(folder: Path) -> bool:
    """Return whether a folder's requirements are those of notebooks, with a lock."""
    return (folder / REQUIREMENTS).with_suffix(ASKED).is_file()


def raw_code(folder: Path) -> bytes:
    """Pack the files of a model's folder that its features.py may need.

    Raises:
        DataError: one has the name of what serves them.
    """
    files = code_files(folder)
    if taken := [name for name in (*OURS, ABOUT) if name in files]:
        raise DataError(
            f"{folder / taken[0]}: the endpoint has a file of its own with this name; "
            "rename it"
        )
    return archive.with_files(b"", files)


def serving_files(
    prepared: Mapping[str, Any], features: Sequence[str], program: str
) -> dict[str, bytes]:
    """Return what has to be in code/ of an archive so that it answers raw records.

    Args:
        prepared: as `load_prepared` returns it.
        program: the model's script, whose `model_fn` loads it; "" for the built-in.

    Raises:
        IntegrityError: the packed code is not what prepare has packed.
    """
    raw = prepared["raw"]
    packed = read_checked(
        raw["code"],
        raw["code_sha256"],
        known="prepared was",
        remedy="prepare the data again",
    )
    about = {
        "columns": raw["columns"],
        "features": list(features),
        "program": program,
        "classes": list(prepared.get("classes") or ()),
    }
    return {
        **dict(_members(raw["code"], packed)),
        **{name: path.read_bytes() for name, path in OURS.items()},
        ABOUT: json.dumps(about, indent=2, ensure_ascii=False).encode(),
    }


def _members(uri: str, packed: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        yield from archive.members(packed)
    except archive.ArchiveError as error:
        raise IntegrityError(f"{uri}: {error}; prepare the data again") from error
