"""What `-p` changes for one run, checked as if it stood in `model.yaml`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from runner.errors import SignatureError
from runner.schema import Image, ModelSpec, Training
from runner.spec import check_gates
from runner.wording import explain


def check_changed(root: Path, spec: ModelSpec, values: Mapping[str, Any]) -> None:
    """Refuse a value of a parameter that `model.yaml` could not have either."""
    data = spec.model_dump(exclude_unset=True)
    for name, value in values.items():
        if place := _place(name):
            _put(data, place, value)
    try:
        changed = ModelSpec.model_validate(data)
    except ValidationError as error:
        raise SignatureError(f"-p {_as_parameter(explain(error))}") from error
    check_gates(root, changed, "-p ")


def _place(name: str) -> tuple[str, ...]:
    """Find where a parameter's value stands in `model.yaml`; nowhere for others."""
    key = name.removeprefix("image_")
    if key != name and key in Image.model_fields:
        return ("training", "image", key)
    if name in Training.model_fields:
        return ("training", name)
    return (name,) if name in ModelSpec.model_fields else ()


def _put(data: dict[str, Any], place: tuple[str, ...], value: object) -> None:
    *parents, key = place
    for parent in parents:
        data = data.setdefault(parent, {})
    data[key] = value


def _as_parameter(said: str) -> str:
    """Name a key as notebooks do."""
    return said.replace("training.image.", "image_", 1).removeprefix("training.")
