"""Spec, earlier results and context become a notebook's parameters, checked."""

import copy
import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sagemaker_xgboost.hyperparameters import NAMES

from runner.annotations import convert, fits, in_words, is_json, literal
from runner.errors import SignatureError, as_written, did_you_mean
from runner.schema import ModelSpec
from runner.scrub import looks_secret
from runner.signature import Parameter, Signature, shown

# Among so many names one is always a little alike.
CLOSE = 0.7


def offered_by_spec(spec: ModelSpec) -> dict[str, Any]:
    """List what `model.yaml` offers to any notebook that names it."""
    training = spec.training
    return {
        "model": spec.name,
        "description": spec.description,
        "task": spec.task,
        "data": spec.data,
        "approval": spec.approval,
        "image_framework": training.image.framework,
        "image_version": training.image.version,
        "instance_type": training.instance_type,
        "instance_count": training.instance_count,
        "spot": training.spot,
        "max_runtime_seconds": training.max_runtime_seconds,
        "hyperparameters": dict(training.hyperparameters),
        "gates": {
            name: gate.model_dump(exclude_none=True)
            for name, gate in spec.gates.items()
        },
        "endpoint": spec.endpoint.model_dump(exclude_none=True),
    }


def parse_assignment(text: str) -> tuple[str, str]:
    """Split `NAME=VALUE`; the notebook's signature says how to read the value."""
    name, equals, value = text.partition("=")
    name = name.strip()
    if not equals or not all(part.isidentifier() for part in name.split(".")):
        raise SignatureError(
            f"-p {name!r}: write NAME=VALUE, or NAME.KEY=VALUE for one key of a dict"
        )
    return name, value


def check_given(
    signatures: Iterable[Signature],
    given: Mapping[str, Any],
    *,
    offered: Mapping[str, Any] | None = None,
    elsewhere: Callable[[], Mapping[str, Signature]] = dict,
) -> dict[str, Any]:
    """Read what the user gave, checked before any kernel starts.

    Of several notebooks in a run, at least one must know each name; `elsewhere` are
    those of the stages that are not in the run, asked for where none does.
    """
    signatures = list(signatures)
    for name in given:
        if looks_secret(name):
            raise SignatureError(
                f"{name}: looks like a secret, and parameters are kept in the executed "
                "notebook; put it in the environment instead"
            )
        first = name.partition(".")[0]
        if not any(first in one.parameters for one in signatures):
            _refuse_elsewhere(elsewhere(), name)
            raise _unknown(signatures, name)
    values: dict[str, Any] = {}
    for signature in signatures:
        values |= _overridden(signature, offered or {}, given)
    return values


def resolve(
    signature: Signature, offered: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Give each parameter of one notebook its value: given, else offered, else default.

    Names that the notebook does not have are left out; `check_given` has refused
    those that no notebook of the run has.
    """
    known = signature.parameters
    values = {one.name: one.default for one in known.values() if not one.required}
    values |= {name: value for name, value in offered.items() if name in known}
    values |= _overridden(signature, values, given)
    for parameter in known.values():
        if parameter.name not in values:
            raise SignatureError(
                f"{shown(signature.notebook)}: {parameter.name} has no value; give "
                f"`-p {parameter.name}=...`, or run the stage that returns it"
            )
        _check(signature, parameter, values[parameter.name])
    return {name: copy.deepcopy(values[name]) for name in known}


def _overridden(
    signature: Signature, values: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Read the user's values; `hyperparameters.eta` changes one key of a dict."""
    result: dict[str, Any] = {}
    for name, value in given.items():
        first, *keys = name.split(".")
        parameter = signature.parameters.get(first)
        if parameter is None:
            continue
        if keys:
            base = result.get(first, values.get(first)) or {}
            result[first] = _with_key(signature, parameter, base, keys, value)
        else:
            typed = isinstance(value, str)
            result[first] = convert(value, parameter.type) if typed else value
        _check(signature, parameter, result[first])
    return result


def _with_key(
    signature: Signature,
    parameter: Parameter,
    base: object,
    keys: list[str],
    value: object,
) -> dict[str, Any]:
    """Copy a dict parameter with one key of it changed, however deep it is."""
    changed: Any = copy.deepcopy(base)
    inner: Any = changed
    for key in keys[:-1]:
        inner = inner.setdefault(key, {}) if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or not parameter.type.startswith("dict"):
        raise SignatureError(
            f"{shown(signature.notebook)}: {parameter.name} has no keys below "
            f"{'.'.join([parameter.name, *keys[:-1]])!r}; it is {parameter.type}"
        )
    inner[keys[-1]] = literal(value) if isinstance(value, str) else value
    return dict(changed)


def _check(signature: Signature, parameter: Parameter, value: object) -> None:
    """Refuse an ill-typed value."""
    if not is_json(value) or not fits(value, parameter.type):
        raise SignatureError(
            f"{shown(signature.notebook)}: {parameter.name}: {as_written(value)}; "
            f"give {in_words(parameter.type)}"
        )


def _refuse_elsewhere(elsewhere: Mapping[str, Signature], name: str) -> None:
    """Say which stage has a parameter that the chosen ones have not."""
    first = name.partition(".")[0]
    for stage, signature in elsewhere.items():
        if first in signature.parameters:
            raise SignatureError(
                f"{name}: only {shown(signature.notebook)} has it, which this run "
                f"leaves out; add `--stage {stage}`"
            )


def _unknown(signatures: list[Signature], name: str) -> SignatureError:
    """Name the nearest parameter, comparing what stands after the last dot."""
    names = {one for signature in signatures for one in signature.parameters}
    nearby = {one: one for one in names}
    if "hyperparameters" in names:
        nearby = {one: f"hyperparameters.{one}" for one in NAMES} | nearby
    near = difflib.get_close_matches(name.rpartition(".")[2], nearby, n=1, cutoff=CLOSE)
    hint = f"did you mean {nearby[near[0]]!r}?" if near else did_you_mean(name, names)
    where = ", ".join(str(shown(one.notebook)) for one in signatures)
    return SignatureError(f"{name}: no such parameter in {where}; {hint}")
