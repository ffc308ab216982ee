"""A new model begins as a copy of one that runs."""

import json
import re
import shutil
from pathlib import Path

from runner.errors import CallError
from runner.spec import check_name, load_spec

COPIED = ("model.yaml", "prepare.ipynb")


def scaffold(root: Path, name: str, like: str) -> list[Path]:
    """Copy a model's YAML and prepare notebook under a new name.

    Its own evaluation is not copied: the shared notebook serves until it does not.
    """
    folder = root / "models" / check_name(name)
    if folder.exists():
        raise CallError(f"models/{name}: is there already; choose another name")
    load_spec(root, like)
    source = root / "models" / like
    missing = [file for file in COPIED if not (source / file).is_file()]
    if missing:
        raise CallError(f"models/{like}/{missing[0]}: missing, so it cannot be copied")
    partial = folder.with_name(f".{name}.new")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    for file in COPIED:
        text = (source / file).read_text(encoding="utf-8")
        renamed = _renamed(text, file, name, like)
        (partial / file).write_text(renamed, encoding="utf-8")
    partial.rename(folder)
    return [folder / file for file in COPIED]


def _renamed(text: str, file: str, name: str, like: str) -> str:
    """Put the new name where the old one identified the model."""
    if file == "model.yaml":
        text = re.sub(rf"^name: *{like}\b.*$", f"name: {name}", text, flags=re.M)
        return re.sub(
            r"^description:.*$",
            f"description: Begun as a copy of {like}.",
            text,
            flags=re.M,
        )
    old, new = json.dumps(f'"{like}"')[1:-1], json.dumps(f'"{name}"')[1:-1]
    return text.replace(f"model: str = {old}", f"model: str = {new}")
