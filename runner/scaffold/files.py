"""The files of a new model, written all at once or not at all."""

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from lifecycle.errors import CallError, DataError, did_you_mean
from lifecycle.raw_files import read_local
from lifecycle.registration.model_card import CARD, TO_FILL_IN
from lifecycle.tabular.csv_format import CsvFormat
from runner.git import git_line
from runner.scaffold.baseline import IN_WORDS, Baseline, measure_baseline, number
from runner.scaffold.columns import describe_columns
from runner.scaffold.label import Label, find_label
from runner.scaffold.prepare import (
    Scaffold,
    fill_in,
    formatted,
    notebook_cells,
    notebook_text,
)
from runner.spec.folders import check_name
from runner.spec.models import FEATURES, USUAL_OBJECTIVES, load_spec
from runner.spec.requirements import ASKED, LOCK
from runner.spec.schema import Task

# What a copy of a model must have; its other notebooks and modules are copied, too.
COPIED = ("model.yaml", "prepare.ipynb")
OWN_CODE = (".ipynb", ".json", ".py")
# A gate of a skeleton, which its author has to choose.
BLANK_GATES: Mapping[Task, str] = {
    "regression": "rmse: {max: 1.0, worse_than_live: 0.05}",
    "binary": "auc: {min: 0.7, worse_than_live: 0.01}",
    "multiclass": "balanced_accuracy: {min: 0.7, worse_than_live: 0.02}",
}
LOST = {"rmse": 0.05, "auc": 0.01, "balanced_accuracy": 0.02}
# Of so few rows as many ways to split them are tried, until one can be used.
FEW_ROWS, MAX_SALTS = 2000, 20
PREPARE = "prepare.cells"
OPTIONS = "--separator, --decimal, --thousands, --encoding, --missing, --text"


def new_folder(root: Path, name: str) -> Path:
    """Return the folder of a model that is not there yet.

    Raises:
        SpecError: it is no model name.
        CallError: the model is there already.
    """
    folder = root / "models" / check_name(name)
    if folder.exists():
        raise CallError(f"models/{name}: is there already; choose another name")
    return folder


def plan_model(
    name: str,
    path: Path,
    *,
    label: str | None,
    task: Task | None,
    time: str,
    written: CsvFormat | None,
    text: Sequence[str] = (),
    raw: bool = False,
) -> tuple[Scaffold, Baseline]:
    """Look at a table, and return what a first model of it is.

    Args:
        path: a CSV or Parquet file, or a folder of some.
        written: how a CSV file is written, if it is not to be detected.
        text: columns that stay text.
        raw: whether its endpoint is to take raw records.

    Raises:
        DataError: it is no table, or no model can be made of it.
        CallError: label, task or time do not fit to it.
    """
    try:
        table, how = read_local(path, written, text)
    except DataError as error:
        options = f"; here these are options, as --text COLUMN: {OPTIONS}"
        raise DataError(f"{error}{options * ('read_table(' in str(error))}") from error
    found = find_label(table, label, task)
    columns = describe_columns(table, found.name, time)
    plan = Scaffold(
        model=name,
        file=f"{path.name}/" if path.is_dir() else path.name,
        label=found,
        columns=columns,
        written=how,
        rows=len(table),
        time=time,
        text=text,
        raw=raw,
    )
    _check_features(plan)

    def read_table(_: str, columns: tuple[str, ...] = (), **__: object) -> object:
        return table[list(columns)] if columns else table

    def measure(salted: Scaffold, **how: bool) -> tuple[Scaffold, Baseline]:
        # The values of categories that get a column are found by the notebook's cells.
        cells = notebook_cells(PREPARE, replace(salted, raw=False))
        return salted, measure_baseline(cells, found, read_table, **how)

    # Of few rows a part may by chance have none of a class.
    salts = range(1, MAX_SALTS) if len(table) < FEW_ROWS and not time else ()
    for salt in salts:
        with suppress(DataError):
            return measure(replace(plan, salt=str(salt)), every_class=True)
    return measure(replace(plan, salt=str(MAX_SALTS if salts else 1)))


def model_files(root: Path, plan: Scaffold, base: Baseline) -> dict[str, str]:
    """Return the text of each file of a planned model."""
    rule = "max" if base.metric == "rmse" else "min"
    bounds = f"{rule}: {base.bound_text}, worse_than_live: {LOST[base.metric]}"
    files = {
        "model.yaml": _spec(
            root,
            plan,
            description=f"Predicts {plan.label.name} from {plan.file}.",
            gate=f"{base.metric}: {{{bounds}}}",
            comment=base.lines(),
        )
    }
    if plan.raw:
        features = fill_in(FEATURES, plan, known=base.known)
        files[FEATURES] = formatted(FEATURES, features)
    files["prepare.ipynb"] = notebook_text(notebook_cells(PREPARE, plan))
    known = {"base": base, "metric": IN_WORDS[base.metric], "number": number}
    return files | {CARD: fill_in("card.md", plan, **known)}


def blank_files(root: Path, name: str, task: Task, label: str) -> dict[str, str]:
    """Return the files of a model that is still to be written."""
    to_predict = Label(name=label, task=task, why="", missing=0)
    plan = Scaffold(model=name, file=f"{name}.csv", label=to_predict)
    return {
        "model.yaml": _spec(root, plan, gate=BLANK_GATES[task]),
        "prepare.ipynb": notebook_text(notebook_cells("blank.cells", plan)),
        CARD: fill_in("blank-card.md", plan),
    }


def _spec(
    root: Path,
    plan: Scaffold,
    *,
    gate: str,
    description: str = "",
    comment: Sequence[str] = (),
) -> str:
    """Return the text of model.yaml; the comment says where the gate comes from."""
    return fill_in(
        "model.yaml",
        plan,
        description=description,
        owner=git_line(root, "config", "user.name"),
        objective=USUAL_OBJECTIVES[plan.label.task],
        comment=comment,
        gate=gate,
    )


def copied_files(root: Path, name: str, like: str) -> dict[str, str]:
    """Return the files of a model with another name.

    Raises:
        CallError: it lacks a file.
        SpecError: its model.yaml is wrong.
    """
    load_spec(root, like)
    source = root / "models" / like
    missing = [file for file in COPIED if not (source / file).is_file()]
    if missing:
        raise CallError(f"models/{like}/{missing[0]}: missing, so it cannot be copied")
    own = sorted(
        one.name
        for one in source.glob("*")
        if one.suffix in OWN_CODE or one.name in (ASKED, LOCK)
    )
    texts = {
        file: (source / file).read_text(encoding="utf-8")
        for file in dict.fromkeys((*COPIED, *own))
    }
    copied = {file: _rename(text, file, name, like) for file, text in texts.items()}
    card = f"# Model card: {name}\n\n{TO_FILL_IN} what differs from that of {like}.\n"
    return copied | {CARD: card}


def write_files(folder: Path, files: Mapping[str, str]) -> list[Path]:
    """Write the files of a model, or none of them."""
    partial = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    for file, text in files.items():
        (partial / file).write_text(text, encoding="utf-8")
    partial.rename(folder)
    return [folder / file for file in files]


def _check_features(plan: Scaffold) -> None:
    """Check that features are left, and that there is a time to split by."""
    if all(one.kind == "left out" for one in plan.columns):
        reasons = "; ".join(f"{one.name!r}: {one.why}" for one in plan.columns[:3])
        raise CallError(f"--data: no column is left to learn from: {reasons}")
    if not plan.time:
        return
    found = {one.name: one for one in plan.columns}
    if plan.time not in found:
        hint = did_you_mean(plan.time, found)
        raise CallError(f"--time {plan.time!r}: no such column; {hint}")
    column = found[plan.time]
    if column.kind not in ("date", "number"):
        raise CallError(
            f"--time {plan.time!r}: is not a date ({column.why or column.kind}); "
            "give a column of dates"
        )
    if "missing" in column.why:
        raise CallError(f"--time {plan.time!r}: {column.why}; mend them in the file")


def _rename(text: str, file: str, name: str, like: str) -> str:
    """Put the new name where the old one identified the model."""
    if file.endswith(".py") or file == ASKED:
        return text
    if file == LOCK:
        # What it says in comments of where a package comes from.
        return text.replace(f"-r models/{like}/", f"-r models/{name}/")
    if file == "model.yaml":
        text = re.sub(
            rf"^name: *{like}\b.*$", f"name: {name}", text, flags=re.MULTILINE
        )
        return re.sub(
            r"^description:.*$",
            f"description: Begun as a copy of {like}.",
            text,
            flags=re.MULTILINE,
        )
    old, new = json.dumps(f'"{like}"')[1:-1], json.dumps(f'"{name}"')[1:-1]
    return text.replace(f"model: str = {old}", f"model: str = {new}")
