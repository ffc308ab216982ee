"""What is wrong with a `model.yaml`, in plain words."""

from types import NoneType
from typing import Any, get_args, get_origin

from pydantic import ValidationError

from runner.errors import as_written, did_you_mean
from runner.schema import ModelSpec, Section


def explain(error: ValidationError) -> str:
    """Say the first thing that is wrong: its key, what stands there, what may."""
    found = error.errors(include_url=False)
    # A misspelt key is also a missing one; the misspelling is the better news.
    found.sort(key=lambda one: one["type"] != "extra_forbidden")
    first = found[0]
    at = first["ctx"]["at"] if first["type"] == "further_down" else []
    keys, _, _ = _follow((*first["loc"], *at))
    return f"{'.'.join(keys)}: {_explained(first)}"


def _explained(error: Any) -> str:
    """Say what stands there and what may, or which known key is near."""
    *parents, last = error["loc"]
    if error["type"] == "extra_forbidden":
        _, section, _ = _follow(tuple(parents))
        return f"unknown key; {did_you_mean(str(last), section.model_fields)}"
    if error["type"] == "further_down":
        return str(error["msg"])
    _, _, allowed = _follow(error["loc"])
    if error["type"] == "missing":
        return f"missing; give {allowed}"
    said = f"give {allowed}"
    if error["type"] == "value_error":
        said = str(error["ctx"]["error"])
    return f"{as_written(error['input'])}; {said}"


def _follow(place: tuple[str | int, ...]) -> tuple[list[str], Any, str]:
    """Follow an error's place down: the keys, what they lead to, and what may stand.

    Below a plain value pydantic goes on with words of its own, which are left out.
    """
    keys: list[str] = []
    here: Any = ModelSpec
    allowed = ""
    for part in place:
        if isinstance(here, type) and issubclass(here, Section):
            field = here.model_fields.get(str(part))
            here = _required(field.annotation) if field else None
            allowed = str(field.description) if field else ""
        elif get_origin(here) in (dict, list):
            here = get_args(here)[-1]
        else:
            break
        keys.append(str(part))
    return keys, here, allowed


def _required(annotation: Any) -> Any:
    """Take what an optional key may hold."""
    kinds = get_args(annotation)
    return kinds[0] if NoneType in kinds else annotation
