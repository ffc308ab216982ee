"""Where a model's files are, and its `model.yaml` checked and typed."""

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from runner.errors import CallError, SpecError, did_you_mean
from runner.gates import find_reversed, find_unmeasured, unmeasured
from runner.schema import ModelSpec
from runner.signature import code_cells, source
from runner.stages import STAGES
from runner.wording import explain

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
MAX_NAME = 40
# YAML reads these as something else than text.
RESERVED = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})


class _UniqueKeyLoader(yaml.SafeLoader):
    """Refuse a key that stands twice, where YAML would keep the last one."""

    def construct_mapping(
        self, node: yaml.MappingNode, deep: bool = False
    ) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value]
        for key_node, _ in node.value:
            if keys.count(key_node.value) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key_node.value!r} stands twice", key_node.start_mark
                )
        return super().construct_mapping(node, deep=deep)


def find_root(start: Path | None = None) -> Path:
    """Find the repository: the nearest folder upwards with models/ and notebooks/."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "models").is_dir() and (folder / "notebooks").is_dir():
            return folder
    raise CallError(f"{here}: no models/ and notebooks/ here or above; cd to the clone")


def check_name(name: str, remedy: str = "choose another") -> str:
    """Let only a model name pass that is safe in paths, shells, YAML and AWS calls."""
    if not NAME.fullmatch(name) or len(name) > MAX_NAME or name in RESERVED:
        raise SpecError(
            f"models/{name!r}: not a model name; {remedy}: lower-case letters, digits "
            f"and single hyphens, a letter first, at most {MAX_NAME} characters, and "
            "no word that YAML reads as a boolean or null"
        )
    return name


def list_models(root: Path) -> list[str]:
    """List the models by name; a folder that cannot be one is an error."""
    folders = [path.name for path in (root / "models").iterdir() if path.is_dir()]
    remedy = "rename or remove the folder"
    return [check_name(name, remedy) for name in sorted(folders) if name[0] not in "._"]


def load_spec(root: Path, name: str) -> ModelSpec:
    """Read and check `models/<name>/model.yaml`."""
    path = root / "models" / check_name(name) / "model.yaml"
    shown = path.relative_to(root)
    if not path.parent.is_dir():
        raise SpecError(f"{shown.parent}: no such model; {_models_hint(root, name)}")
    if not path.is_file():
        raise SpecError(f"{shown}: missing; see `python -m runner new --help`")
    spec = _validated(_parsed(path, shown), shown)
    if spec.name != name:
        raise SpecError(f"{shown}: name: {spec.name!r} must be the folder's, {name!r}")
    check_gates(root, spec, f"{shown}: ")
    return spec


def check_gates(root: Path, spec: ModelSpec, prefix: str) -> None:
    """Find a gate that cannot hold before the training job that would be for nothing.

    What a model's own notebook measures shows only when it runs.
    """
    bounds = {name: gate.model_dump() for name, gate in spec.gates.items()}
    if wrong := find_reversed(spec.task, bounds):
        raise SpecError(f"{prefix}{wrong}")
    gates = find_unmeasured(spec.task, spec.gates)
    if not gates:
        return
    notebook = find_notebook(root, spec.name, "train-register")
    if notebook.parent.name == spec.name:
        return
    # A metric that a team adds to the shared notebook is named there.
    code = "".join(source(cell) for cell in code_cells(notebook)[1:])
    for metric in gates:
        if f'"{metric}"' not in code and f"'{metric}'" not in code:
            raise SpecError(f"{prefix}{unmeasured(spec.task, metric)}")


def find_notebook(root: Path, model: str, stage: str) -> Path:
    """Resolve a stage's notebook: the model's own, else the shared one."""
    if stage not in STAGES:
        raise CallError(f"{stage!r} is not a stage; {did_you_mean(stage, STAGES)}")
    own = root / "models" / model / f"{stage}.ipynb"
    shared = root / "notebooks" / f"{stage}.ipynb"
    for path in (own, shared):
        if path.is_file():
            return path
    raise SpecError(
        f"{own.relative_to(root)}: missing, and there is no shared "
        f"{shared.relative_to(root)}; add one of them"
    )


def _models_hint(root: Path, name: str) -> str:
    folders = [path.name for path in (root / "models").iterdir() if path.is_dir()]
    return did_you_mean(name, [folder for folder in folders if NAME.fullmatch(folder)])


def _parsed(path: Path, shown: Path) -> dict[str, Any]:
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)
    except UnicodeDecodeError as error:
        raise SpecError(f"{shown}: not UTF-8 at byte {error.start}") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SpecError(f"{shown}:{line}: not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise SpecError(f"{shown}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise SpecError(f"{shown}: holds no keys; start with `name:`")
    return data


def _validated(data: dict[str, Any], shown: Path) -> ModelSpec:
    try:
        return ModelSpec.model_validate(data)
    except ValidationError as error:
        raise SpecError(f"{shown}: {explain(error)}") from error
