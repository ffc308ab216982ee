"""A model: its model.yaml, checked, and its notebooks."""

import copy
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from notebook_inputs import cell_source
from pydantic import ValidationError

from lifecycle.errors import did_you_mean
from lifecycle.statistics.task_metrics import (
    BY,
    COST,
    MAX_GATED,
    TASKS,
    find_reversed,
    find_unmeasured,
    slice_of,
    unmeasured_message,
)
from runner.errors import SignatureError, SpecError
from runner.notebook.ipynb import read_code_cells
from runner.spec.folders import notebook_places, read_yaml
from runner.spec.schema import Image, ModelSpec, Training, list_errors

# What the shared notebooks can evaluate: numbers, and probabilities.
OBJECTIVES = {
    "regression": r"reg:(?!logistic)\w+|count:poisson",
    "binary": r"(binary|reg):logistic",
    "multiclass": r"multi:softprob",
}
USUAL_OBJECTIVES: Mapping[str, str] = {
    "regression": "reg:squarederror",
    "binary": "binary:logistic",
    "multiclass": "multi:softprob",
}
# Answers classes without their probabilities.
SOFTMAX = "multi:softmax"
# Of a model's folder: what makes features of raw records, in prepare and when serving.
FEATURES = "features.py"
# Keys that no notebook is given: a parameter of that name is the notebook's own.
NOT_GIVEN = frozenset({"name", "owner", "reuse", "training", "image"})


def load_spec(root: Path, name: str) -> ModelSpec:
    """Read and check `models/<name>/model.yaml`."""
    return parse_spec(root, name, read_yaml(root, name))


def parse_spec(
    root: Path,
    name: str,
    data: Mapping[str, Any],
    overrides: Mapping[str, Any] | None = None,
) -> ModelSpec:
    """Check the keys of a model.yaml.

    Args:
        overrides: values of the command line by parameter, checked in their place.

    Raises:
        SpecError: a key or a value of model.yaml is wrong.
        SignatureError: the value of an override is.
    """
    merged = copy.deepcopy(dict(data))
    for parameter, value in (overrides or {}).items():
        if place := yaml_place(parameter):
            _put(merged, place, value)
    spec, errors = inspect_spec(root, name, merged)
    if spec and not errors:
        return spec
    if overrides:
        # What is wrong without the overrides too is an error of the file.
        parse_spec(root, name, data)
        raise SignatureError(f"-p {_as_parameter(errors[0])}")
    raise SpecError(f"models/{name}/model.yaml: {errors[0]}")


def inspect_spec(
    root: Path, name: str, data: Mapping[str, Any]
) -> tuple[ModelSpec | None, list[str]]:
    """Return the spec that the keys of a model.yaml make, and all that is wrong.

    Each error begins with its key.
    """
    try:
        spec = ModelSpec.model_validate(data)
    except ValidationError as error:
        return None, [f"{'.'.join(k)}: {said}" for k, said in list_errors(error)]
    errors = []
    if spec.name != name:
        errors.append(f"name: {spec.name!r} must be the folder's, {name!r}")
    return spec, [*errors, *_find_unfit(root, spec)]


def yaml_place(parameter: str) -> tuple[str, ...]:
    """Return the keys of model.yaml at which a parameter's value is; () for others."""
    key = parameter.removeprefix("image_")
    if key != parameter and key in Image.model_fields:
        return ("training", "image", key)
    if parameter in NOT_GIVEN:
        return ()
    if parameter in Training.model_fields:
        return ("training", parameter)
    return (parameter,) if parameter in ModelSpec.model_fields else ()


def yaml_value(data: Mapping[str, Any], place: tuple[str, ...]) -> Any:
    """Return what the keys of a model.yaml hold; None if they are not there."""
    found: Any = data
    for key in place:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def notebook_values(spec: ModelSpec) -> dict[str, Any]:
    """Return what model.yaml gives to any notebook parameter of these names."""
    training = spec.training
    return {
        "model": spec.name,
        "description": spec.description,
        "task": spec.task,
        "data": spec.data,
        **({"label": spec.label} if spec.label else {}),
        "approval": spec.approval,
        **({"source": training.source} if training.source else {}),
        "image_framework": training.image.framework,
        "image_version": training.image.version,
        **({"image_uri": training.image.uri} if training.image.uri else {}),
        "instance_type": training.instance_type,
        "instance_count": training.instance_count,
        "spot": training.spot,
        "max_runtime_seconds": training.max_runtime_seconds,
        "hyperparameters": dict(training.hyperparameters),
        "gates": {
            name: gate.model_dump(exclude_none=True)
            for name, gate in spec.gates.items()
        },
        "slices": list(spec.slices),
        "decision": spec.decision.model_dump() if spec.decision else {},
        "endpoint": spec.endpoint.model_dump(exclude_none=True),
    }


def run_values(spec: ModelSpec) -> dict[str, Any]:
    """Return what model.yaml says in `run` of data, training and registration."""
    values = notebook_values(spec)
    given = ("task", "description", "gates", "hyperparameters")
    return {name: values[name] for name in given} | {"label": spec.label}


def _find_unfit_slices(spec: ModelSpec) -> Iterator[str]:
    """Find slices that stand twice, and gates on slices that are not measured."""
    if twice := sorted({one for one in spec.slices if spec.slices.count(one) > 1}):
        yield f"slices: {twice[0]!r} stands twice; remove one"
    for name, gate in spec.gates.items():
        if not (column := slice_of(name)):
            continue
        if column not in spec.slices:
            hint = did_you_mean(column, spec.slices) if spec.slices else ""
            remedy = hint or f"add slices: [{column}]"
            yield f"gates.{name}: {column!r} is no slice; {remedy}"
        if gate.worse_than_live is not None:
            yield (
                f"gates.{name}.worse_than_live: groups are not compared with the live "
                "model; give min or max alone"
            )


def runs_in_image(root: Path, spec: ModelSpec) -> bool:
    """Return whether a model brings code that its image runs: a script, features.py."""
    features = root / "models" / spec.name / FEATURES
    return bool(spec.training.source) or features.is_file()


def find_notebook(root: Path, model: str, stage: str, task: str) -> Path:
    """Return a stage's notebook: the model's own, else its task's, else the shared one.

    Raises:
        SpecError: there is no notebook.
    """
    own, *shared = places = notebook_places(model, stage, task)
    for path in places:
        if (root / path).is_file():
            return root / path
    raise SpecError(
        f"{own}: missing, and there is no shared {' or '.join(shared)}; add one of them"
    )


def _put(data: dict[str, Any], place: tuple[str, ...], value: object) -> None:
    """Set a key; what holds no keys on the way there is an error of the file."""
    *parents, key = place
    for parent in parents:
        data = data.setdefault(parent, {})
        if not isinstance(data, dict):
            return
    data[key] = value


def _as_parameter(said: str) -> str:
    """Name the key at the start of a message as notebooks name it."""
    image = "training.image."
    if said.startswith(image):
        return f"image_{said.removeprefix(image)}"
    return said.removeprefix("training.")


def _find_unfit(root: Path, spec: ModelSpec) -> Iterator[str]:
    """Find an objective and gates that do not fit to the task.

    Otherwise they would be found only after the training job. What a model's own
    notebook measures is known only when it runs.
    """
    source = spec.training.source
    if source and not (root / "models" / spec.name / source).is_file():
        yield f"training.source: there is no {source} in models/{spec.name}"
    bounds = {name: gate.model_dump() for name, gate in spec.gates.items()}
    if wrong := find_reversed(spec.task, bounds):
        yield wrong
    yield from _find_unfit_slices(spec)
    yield from _find_unfit_decision(spec)
    yield from _find_unfit_evaluation(root, spec)


def _find_unfit_decision(spec: ModelSpec) -> Iterator[str]:
    """Find costs where nothing is decided by them, and gates on costs without any."""
    if spec.decision and spec.task != "binary":
        why = "decides nothing"
        if spec.task == "multiclass":
            why = "decides for the likeliest class, whatever a mistake costs"
        yield f"decision: {TASKS[spec.task]} {why}; remove it"
    if spec.task == "binary" and not spec.decision:
        for gate in (one for one in spec.gates if one.partition(BY)[0] == COST):
            example = "decision: {false_positive: 5, false_negative: 100}"
            yield f"gates.{gate}: nothing says what a mistake costs; add {example}"


def _find_unfit_evaluation(root: Path, spec: ModelSpec) -> Iterator[str]:
    """Find gates that the shared notebook does not measure, and what it cannot."""
    gated = [one for one in spec.gates if not slice_of(one)]
    if len(gated) > MAX_GATED:
        metrics = f"on {len(gated)} metrics; SageMaker keeps {MAX_GATED} of a version"
        yield f"gates: {metrics}, remove some"
    gates = find_unmeasured(spec.task, spec.gates)
    objective = str(spec.training.hyperparameters.get("objective", ""))
    is_usual = (
        bool(spec.training.source)
        or not objective
        or re.fullmatch(OBJECTIVES[spec.task], objective)
    )
    if is_usual and not gates:
        return
    notebook = find_notebook(root, spec.name, "train-register", spec.task)
    if notebook.parent == root / "models" / spec.name:
        counted = spec.task == "multiclass" or spec.training.source
        given = "num_class" in spec.training.hyperparameters
        if objective.startswith("multi:") and not counted and not given:
            key = "training.hyperparameters.num_class"
            yield f"{key}: missing; give the number of classes"
        return
    # A metric that a team adds to the shared notebook is named there.
    code = "".join(cell_source(cell) for cell in read_code_cells(notebook)[1:])
    for metric in gates:
        if f'"{metric}"' not in code and f"'{metric}'" not in code:
            yield unmeasured_message(spec.task, metric)
    if not is_usual:
        what = f"does not fit to {TASKS[spec.task]}"
        if objective == SOFTMAX and spec.task == "multiclass":
            what = "answers a class without its probability"
        yield (
            f"training.hyperparameters.objective: {objective} {what}; give "
            f"{USUAL_OBJECTIVES[spec.task]}, or a train-register.ipynb of the model's "
            "own"
        )
