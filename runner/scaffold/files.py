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
from runner.scaffold.cells import Cell, code, dumps, markdown, name_in_text, notebook
from runner.scaffold.columns import describe_columns
from runner.scaffold.features_file import features_text
from runner.scaffold.label import find_label
from runner.scaffold.prepare import (
    HELD_OUT,
    Scaffold,
    end_cells,
    parameters_cell,
    prepare_cells,
    title_of,
)
from runner.spec.folders import RESERVED, check_name
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
OPTIONS = "--separator, --decimal, --thousands, --encoding, --missing, --text"

SPEC = """\
name: {name}
description: {description}
owner: {owner}
task: {task}
data: {data}
label: {label}
training:
  image: {{framework: xgboost, version: 3.2-0}}
  instance_type: ml.m5.large
  hyperparameters:
    objective: {objective}
    num_round: 100
    max_depth: 4
    eta: 0.1
    subsample: 0.8
gates:{comment}
  {gates}
endpoint: {{instance_type: ml.m5.large, instance_count: 1}}
"""


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
        cells = prepare_cells(replace(salted, raw=False))
        return salted, measure_baseline(cells, found, read_table, **how)

    # Of few rows a part may by chance have none of a class.
    salts = range(1, MAX_SALTS) if len(table) < FEW_ROWS and not time else ()
    for salt in salts:
        with suppress(DataError):
            return measure(replace(plan, salt=str(salt)), every_class=True)
    return measure(replace(plan, salt=str(MAX_SALTS if salts else 1)))


def model_files(root: Path, plan: Scaffold, base: Baseline) -> dict[str, str]:
    """Return the text of each file of a planned model."""
    comment = "".join(f"\n  # {line}" for line in base.lines())
    rule = "max" if base.metric == "rmse" else "min"
    bounds = f"{rule}: {base.bound_text}, worse_than_live: {LOST[base.metric]}"
    spec = SPEC.format(
        name=plan.model,
        description=_yaml(f"Predicts {plan.label.name} from {plan.file}."),
        owner=_yaml(git_line(root, "config", "user.name")),
        task=plan.label.task,
        data=_yaml(plan.file),
        label=_yaml(plan.label.name),
        objective=USUAL_OBJECTIVES[plan.label.task],
        comment=comment,
        gates=f"{base.metric}: {{{bounds}}}",
    )
    return {
        "model.yaml": spec,
        **({FEATURES: features_text(plan, base.known)} if plan.raw else {}),
        "prepare.ipynb": dumps(notebook(prepare_cells(plan))),
        CARD: _card(plan, base),
    }


def blank_files(root: Path, name: str, task: Task, label: str) -> dict[str, str]:
    """Return the files of a model that is still to be written."""
    file = f"{name}.csv"
    spec = SPEC.format(
        name=name,
        description='""',
        owner=_yaml(git_line(root, "config", "user.name")),
        task=task,
        data=file,
        label=_yaml(label),
        objective=USUAL_OBJECTIVES[task],
        comment="",
        gates=BLANK_GATES[task],
    )
    sections = "".join(
        f"\n## {title}\n\n{TO_FILL_IN} {what}\n"
        for title, what in {
            "Intended use": "what it is for, and what it is not for.",
            "Data": "where it comes from, and what a row stands for.",
            "Features": "what each means, and its unit.",
            "Metrics": "what it reaches, and which bounds the gates set.",
            "Limits": "for whom or what it is worse.",
        }.items()
    )
    return {
        "model.yaml": spec,
        "prepare.ipynb": dumps(notebook(_blank_cells(name, file, label))),
        CARD: f"# Model card: {name}\n{sections}{_owner()}",
    }


def _blank_cells(model: str, file: str, label: str) -> list[Cell]:
    """Return the cells of a notebook that has still to be written."""
    return [
        markdown(
            "title",
            f"# {title_of(model)}: from raw data to training data",
            "",
            f"**In:** what a row of `{file}` stands for.  ",
            "**Out:** training, validation and test rows in S3, as SageMaker's XGBoost "
            "reads them.  ",
            "**Decide:** what a reviewer has to.",
        ),
        parameters_cell(model, file, label, salt="1"),
        code(
            "imports",
            "from IPython.display import JSON",
            "",
            "from lifecycle.data import read_table, split, write_splits",
        ),
        markdown("raw-text", "## What is in the table?", "", "Say what to see in it:"),
        code("raw", "raw = read_table(data, model=model)", "raw.head()"),
        markdown(
            "table-text",
            "## What does XGBoost get?",
            "",
            "The label and numbers, and nothing that is not known at the time of the "
            "prediction:",
        ),
        code("table", "table = raw.dropna(subset=[label])", "table.head()"),
        markdown(
            "split-text",
            "## Are the splits alike?",
            "",
            "70 % of the rows train, 15 % validate while training, 15 % are kept for "
            "the test:",
        ),
        code(
            "split",
            "splits = split(table, key=raw.loc[table.index], salt=salt, held_out="
            f"{HELD_OUT:.2f})",
        ),
        *end_cells(),
    ]


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


def _card(plan: Scaffold, base: Baseline) -> str:
    """Return a model card with what is known already."""
    lost = f", {plan.label.missing:,} of them without a label" * bool(
        plan.label.missing
    )
    rows = ", ".join(f"{count:,} {name}" for name, count in base.rows.items())
    how = f"by the time in {name_in_text(plan.time)}" if plan.time else "by a hash"
    features = "".join(
        f"| {name_in_text(one.name)} | {_meaning(one.kind, one.why)} | |\n"
        for one in plan.columns
        if one.kind != "left out"
    )
    left_out = "".join(
        f"- {name_in_text(one.name)}: {one.why}\n"
        for one in plan.columns
        if one.kind == "left out"
    )
    lines, metric = " ".join(base.lines()), IN_WORDS[base.metric]
    return f"""\
# Model card: {plan.model}

Predicts {name_in_text(plan.label.name)} from the other columns of `{plan.file}`.

## Intended use

{TO_FILL_IN} who uses the predictions, for which decision; and what they are not for.

## Data

`{plan.file}`, {plan.rows:,} rows{lost}, in the project's bucket.
{TO_FILL_IN} where it comes from, when it was recorded, and what a row stands for.
The label {name_in_text(plan.label.name)} has {plan.label.why}.
The rows are split {how}: {rows}.

## Features

{base.features:,} columns reach XGBoost. {TO_FILL_IN} what each means, and its unit.

| feature | what it holds | meaning |
|---|---|---|
{features}
{f"Left out:{chr(10)}{chr(10)}{left_out}" if left_out else "None is left out."}
## Metrics

{lines}

| metric | guessing | tree of three questions | gate |
|---|---|---|---|
| {metric} | {number(base.guess)} | {number(base.tree)} | {base.bound_text} |

{TO_FILL_IN} what the model reaches, and what a wrong prediction costs.

## Limits

{TO_FILL_IN} for whom or what it is worse, and what the data does not show.
{_owner()}"""


def _owner() -> str:
    return """
## Owner

`owner` in [model.yaml](model.yaml), who is also asked to approve new versions.
"""


def _meaning(kind: str, why: str) -> str:
    words = {"marked number": "number", "flag": "yes or no"}
    return f"{words.get(kind, kind)}{f': {why}' if why else ''}"


def _yaml(text: str) -> str:
    """Return a text as YAML, in quotes where it needs some."""
    plain = re.fullmatch(r"[A-Za-z]([\w .,/()-]*[\w.,/()-])?", text)
    is_plain = plain and text.lower() not in RESERVED
    return text if is_plain else json.dumps(text, ensure_ascii=False)


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
