"""The models of a repository: their folders, and the keys of their model.yaml."""

import os
import re
from collections.abc import Hashable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from lifecycle.errors import CallError, did_you_mean
from runner.errors import SpecError

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
MAX_NAME = 40
MAX_DEPTH = 20
# What Python and file managers leave in folders, beside hidden files.
LITTER = frozenset({"__pycache__", "Thumbs.db", "desktop.ini", "Icon\r"})
# YAML reads these as something else than text.
RESERVED = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})


def find_root(start: Path | None = None) -> Path:
    """Return the repository: the nearest folder upwards with models/ and notebooks/."""
    try:
        here = (start or Path.cwd()).resolve()
    except FileNotFoundError as error:
        raise CallError("the current folder is gone; cd to the clone") from error
    for folder in (here, *here.parents):
        if (folder / "models").is_dir() and (folder / "notebooks").is_dir():
            return folder
    raise CallError(f"{here}: no models/ and notebooks/ here or above; cd to the clone")


def check_name(name: str, remedy: str = "choose another") -> str:
    """Return a model name if it is safe in paths, shells, YAML and AWS calls.

    Raises:
        SpecError: it is not.
    """
    if not NAME.fullmatch(name) or len(name) > MAX_NAME or name in RESERVED:
        raise SpecError(
            f"models/{name!r}: not a model name; {remedy}: lower-case letters, digits "
            f"and single hyphens, a letter first, at most {MAX_NAME} characters, and "
            "no word that YAML reads as a boolean or null"
        )
    return name


def list_models(root: Path) -> list[str]:
    """Return the names of all models; a folder that cannot be one is an error."""
    remedy = "rename or remove the folder"
    return [check_name(name, remedy) for name in model_folders(root)]


def model_folders(root: Path) -> list[str]:
    """Return the names of all folders in models/, whether they can be models or not.

    A folder that holds only what tools leave, as after a change of branches, is none.
    """
    with os.scandir(root / "models") as found:
        folders = [one for one in found if one.is_dir()]
    return sorted(
        one.name
        for one in folders
        if one.name[0] not in "._"
        # Of thousands of folders, paths as objects would take most of the time.
        and (
            os.path.exists(f"{one.path}/model.yaml")  # noqa: PTH110
            or not _is_left_over(Path(one))
        )
    )


def suggest_model(root: Path, name: str) -> str:
    """Return "" for the name of a model, and for another one what was meant."""
    if NAME.fullmatch(name) and (root / "models" / name).is_dir():
        return ""
    folders = [one.name for one in (root / "models").iterdir() if one.is_dir()]
    return did_you_mean(name, [one for one in folders if NAME.fullmatch(one)])


def left_over_folders(root: Path) -> list[str]:
    """Return the folders in models/ that are passed over: tools have left them."""
    known = {*model_folders(root)}
    with os.scandir(root / "models") as found:
        return sorted(
            one.name
            for one in found
            if one.is_dir() and one.name not in known and one.name[0] not in "._"
        )


def _is_left_over(folder: Path) -> bool:
    """Return whether a folder holds files, and only those that tools leave."""
    files = [Path(top, name) for top, _, names in os.walk(folder) for name in names]
    inside = {*folder.iterdir()}
    return bool(inside) and all(
        any(
            part.startswith(".") or part in LITTER
            for part in path.relative_to(folder).parts
        )
        for path in files or inside
    )


def read_yaml(root: Path, name: str) -> Mapping[str, Any]:
    """Read the keys of `models/<name>/model.yaml`, without checking their values.

    Raises:
        SpecError: there is no such model, or it is not YAML.
    """
    hint = suggest_model(root, name)
    if "mean" not in hint:
        check_name(name)
    if hint:
        shown_name = name if NAME.fullmatch(name) else repr(name)
        raise SpecError(f"models/{shown_name}: no such model; {hint}")
    path = root / "models" / name / "model.yaml"
    shown = path.relative_to(root)
    if not path.is_file():
        raise SpecError(f"{shown}: missing; see `python -m runner new --help`")
    return parse_keys(path.read_bytes(), shown.as_posix())


@lru_cache(maxsize=8192)
def parse_keys(content: bytes, shown: str) -> Mapping[str, Any]:
    """Parse the keys of a model.yaml, without checking their values.

    Args:
        shown: names the file in an error.

    Raises:
        SpecError: it is not YAML, or holds no keys.
    """
    try:
        data = yaml.load(content.decode("utf-8-sig"), Loader=_UniqueKeyLoader)
    except UnicodeDecodeError as error:
        raise SpecError(f"{shown}: not UTF-8 at byte {error.start}") from error
    except RecursionError as error:
        raise SpecError(f"{shown}: is nested too deeply; write its keys") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SpecError(f"{shown}:{line}: not YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError) as error:
        # Of a date as 2026-02-30 Python itself says what is wrong.
        raise SpecError(f"{shown}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise SpecError(f"{shown}: holds no keys; start with `name:`")
    if _is_deep(data):
        raise SpecError(f"{shown}: is nested too deeply; write its keys")
    return data


def flatten(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield nested keys with dots, as `-p` takes them, and their values."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def notebook_places(model: str, stage: str, task: str) -> tuple[str, str, str]:
    """Return where a stage's notebook may be: the model's own wins over the task's."""
    own, shared = f"models/{model}/{stage}.ipynb", f"notebooks/{stage}.ipynb"
    return own, f"notebooks/{task}/{stage}.ipynb", shared


def _is_deep(data: object) -> bool:
    """Return whether values are nested deeper than keys are, or hold themselves.

    A value that stands in many places is looked at once: aliases of aliases would be
    too many values to look at each.
    """
    level: dict[int, Any] = {id(data): data}
    for _ in range(MAX_DEPTH):
        inside = [
            one.values() if isinstance(one, dict) else one
            for one in level.values()
            if isinstance(one, dict | list | tuple | set)
        ]
        level = {id(value): value for values in inside for value in values}
    return bool(level)


# The parser in C, where PyYAML has it, takes a tenth of the time.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _UniqueKeyLoader(_SafeLoader):  # type: ignore[misc]
    """Refuses a key that stands twice, of which YAML would keep the last one."""

    def construct_mapping(
        self, node: yaml.MappingNode, deep: bool = False
    ) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value]
        for key_node, _ in node.value:
            if keys.count(key_node.value) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key_node.value!r} stands twice", key_node.start_mark
                )
        return dict(super().construct_mapping(node, deep=deep))
