"""The verbs with which models begin: `upload`, `new` and `environment`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lifecycle.errors import CallError
from runner.cli.completion import complete_models
from runner.cli.local import aws_at, target_option
from runner.cli.output import echo, plain

if TYPE_CHECKING:
    from lifecycle.raw_files import Upload
    from runner.scaffold.baseline import Baseline
    from runner.scaffold.prepare import Scaffold
    from runner.spec.schema import Task

# Bytes from which on the progress of an upload is worth showing.
LARGE = 8 << 20


@click.command("upload")
@click.argument("model", shell_complete=complete_models)
@click.argument("file", type=click.Path(path_type=Path))
@target_option
def upload_command(model: str, file: Path, target: str) -> None:
    """Put FILE, or a folder of files, where `data:` of MODEL looks for it.

    FILE is CSV or Parquet. What is there already is not sent again.
    """
    from runner.spec.folders import find_root
    from runner.spec.models import load_spec

    spec = load_spec(find_root(), model)
    with aws_at(target):
        _upload(model, file)
    name = f"{file.name}/" if file.is_dir() else file.name
    if spec.data.rstrip("/") != name.rstrip("/"):
        echo(
            f"models/{model}/model.yaml reads data: {spec.data}; to read this instead, "
            f"write data: {name}"
        )


def _upload(model: str, path: Path, *, is_read: bool = False) -> None:
    """Upload what is to be `data:` of a model, with a line a file.

    Args:
        is_read: a notebook knows already how to read it.
    """
    from lifecycle.raw_files import upload_raw

    with _progress(path) as on_bytes:
        uploads = upload_raw(model, path, on_bytes=on_bytes)
    for one in uploads:
        state = "uploaded" if one.is_new else "already there, with the same content"
        echo(f"{one.uri}: {state}{'' if is_read else _how_to_read(one)}")


def _how_to_read(upload: "Upload") -> str:
    """Say what `read_table` has to be told of a file."""
    arguments = upload.written.arguments()
    said = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return f"; read it with read_table(..., {said})" if said else ""


@contextmanager
def _progress(path: Path) -> Iterator[Callable[[int], object]]:
    """Show how much of a large upload is done."""
    files = [path] if path.is_file() else path.rglob("*")
    size = sum(one.stat().st_size for one in files if one.is_file())
    if size < LARGE:
        yield lambda _: None
        return
    with click.progressbar(
        length=size, label=plain(f"{path.name}, {size / 1e6:,.0f} MB")
    ) as bar:
        yield bar.update


@click.command("new")
@click.argument("name")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="A CSV or Parquet file, or a folder.",
)
@click.option("--label", metavar="COLUMN", help="The column to predict.")
@click.option(
    "--task",
    type=click.Choice(["regression", "binary", "multiclass"]),
    help="What the label is; by default what its values say.",
)
@click.option(
    "--time", metavar="COLUMN", default="", help="Train on old rows, test new."
)
@click.option("--separator", help="Of a CSV file, as ';'; detected by default,")
@click.option("--decimal", help="as its decimal mark,")
@click.option("--thousands", help="what groups its digits,")
@click.option("--encoding", help="its encoding,")
@click.option("--missing", help="and a word for missing cells, as NA.")
@click.option("--text", multiple=True, metavar="COLUMN", help="Keep it as text.")
@click.option(
    "--raw", is_flag=True, help="Its endpoint takes raw records (features.py)."
)
@click.option("--blank", is_flag=True, help="A bare skeleton, without data.")
@click.option(
    "--like",
    metavar="MODEL",
    help="Copy a model instead.",
    shell_complete=complete_models,
)
@target_option
def new_command(
    name: str,
    data: Path | None,
    label: str | None,
    task: "Task | None",
    time: str,
    separator: str | None,
    decimal: str | None,
    thousands: str | None,
    encoding: str | None,
    missing: str | None,
    text: tuple[str, ...],
    raw: bool,
    blank: bool,
    like: str | None,
    target: str,
) -> None:
    """Begin model NAME: its notebook, spec and model card, written for a table."""
    from lifecycle.tabular.csv_format import CsvFormat
    from runner.scaffold import files
    from runner.spec.folders import find_root

    if [data is not None, blank, like is not None].count(True) != 1:
        raise CallError(
            f"new {name}: say which table, as --data {name}.csv --label COLUMN; or "
            "--blank for a bare skeleton"
        )
    given = {
        "separator": separator,
        "decimal": decimal,
        "thousands": thousands,
        "encoding": encoding,
        "missing": missing,
    }
    if data is None:
        of_data = {**given, "time": time, "text": text, "raw": raw}
        unused = {"label": label, "task": task} if like else {}
        if named := [
            f"--{key}" for key, value in {**of_data, **unused}.items() if value
        ]:
            raise CallError(f"new {name}: {', '.join(named)}: only with --data FILE")
    root = find_root()
    folder = files.new_folder(root, name)
    if data is None:
        written = (
            files.copied_files(root, name, like)
            if like
            else files.blank_files(root, name, task or "regression", label or "label")
        )
        _write(root, folder, written)
        echo(f"edit them, and try: runner run {name}")
        return
    how = {key: value for key, value in given.items() if value is not None}
    plan, baseline = files.plan_model(
        name,
        data.resolve(),
        label=label,
        task=task,
        time=time,
        written=CsvFormat(**how) if how else None,
        text=text,
        raw=raw,
    )
    _say_plan(plan, baseline)
    with aws_at(target):
        _upload(name, data.resolve(), is_read=True)
    _write(root, folder, files.model_files(root, plan, baseline))
    echo(f"next: runner run {name}")


@click.command("environment")
@click.argument("models", nargs=-1, shell_complete=complete_models)
@click.option("--pin", is_flag=True, help="Write the locks instead: requirements.txt.")
@click.option("--upgrade", is_flag=True, help="With --pin: the newest of everything.")
def environment_command(models: tuple[str, ...], pin: bool, upgrade: bool) -> None:
    """Make the environments of MODELS, by default of all that have one of their own.

    Prints the interpreter of each, for an editor to run its notebooks in. A run makes
    what it needs itself.
    """
    from runner.notebook.environments import make_environment
    from runner.spec.folders import find_root, model_folders, read_yaml
    from runner.spec.requirements import ASKED, own_lock, write_lock

    if upgrade and not pin:
        raise CallError("environment --upgrade: only with --pin")
    root = find_root()
    for name in models:
        read_yaml(root, name)
        if not (root / "models" / name / ASKED).is_file():
            raise CallError(
                f"models/{name}: has no {ASKED}, so it runs in the environment of all"
            )
    chosen = list(dict.fromkeys(models)) or model_folders(root)
    for name in chosen:
        if not (root / "models" / name / ASKED).is_file():
            continue
        if pin:
            path = write_lock(root, name, upgrade=upgrade)
            echo(f"pinned {path.relative_to(root).as_posix()}")
        elif lock := own_lock(root, name):
            made = make_environment(root, name, lock, partial(echo, err=True))
            echo(f"{name}: {made.python}")


def _say_plan(plan: "Scaffold", baseline: "Baseline") -> None:
    """Print what was found out from the table, and what was decided."""
    label = plan.label
    echo(f"{label.name}: {label.task}, it has {label.why}")
    if label.missing:
        echo(f"{label.missing} of {plan.rows} rows have no {label.name}: left out")
    if plan.written_words:
        echo(f"{plan.file}: written with {plan.written_words}")
    for one in plan.columns:
        if one.kind == "left out":
            echo(f"{one.name}: left out, {one.why}")
        elif one.kind == "date" and one.why:
            echo(f"{one.name}: {one.why}")
    echo(f"gate on {baseline.metric}: {' '.join(baseline.lines())}")


def _write(root: Path, folder: Path, texts: "dict[str, str]") -> None:
    from runner.scaffold.files import write_files

    for path in write_files(folder, texts):
        echo(f"wrote {path.relative_to(root)}")
