"""The verbs that show models and what is wrong with them: `list`, `show`, `check`."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lifecycle.errors import CallError
from runner import STAGES
from runner.cli.completion import complete_models
from runner.cli.output import echo, print_json, print_table

if TYPE_CHECKING:
    from runner.notebook.signature import Signature
    from runner.spec.content import Content

# A git object, a submodule's commit or a sha256, and as much of it as is shown.
HASH = re.compile(r"((?:commit )?[0-9a-f]{12})(?:[0-9a-f]{28}|[0-9a-f]{52})")


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def list_command(as_json: bool) -> None:
    """List the models, with the stages for which each has its own notebook."""
    from runner.errors import SpecError
    from runner.spec.folders import find_root, model_folders

    root = find_root()
    _tell_left_over(root)
    models = [_describe(root, name) for name in model_folders(root)]
    if as_json:
        print_json(models)
    else:
        header = ["model", "task", "owner", "its own notebooks", "description"]
        rows = [
            [m["name"], m["task"], m["owner"], ", ".join(m["own"]), m["description"]]
            for m in models
        ]
        print_table("", header, rows)
    broken = [one["error"] for one in models if one["error"]]
    for error in broken:
        echo(f"error: {error}", err=True)
    if broken:
        click.get_current_context().exit(SpecError.exit_code)


@click.command("show")
@click.argument("model", shell_complete=complete_models)
@click.option("--diff", metavar="REV", help="Only what changed in its content since.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def show_command(model: str, diff: str | None, as_json: bool) -> None:
    """Show MODEL's spec, notebooks, parameters and content."""
    from runner.notebook.signature import read_signature
    from runner.spec.content import content, describe_pending
    from runner.spec.folders import find_root, flatten
    from runner.spec.models import find_notebook, load_spec, notebook_values

    root = find_root()
    spec = load_spec(root, model)
    if diff:
        _show_differences(root, model, diff, as_json=as_json)
        return
    paths = {stage: find_notebook(root, model, stage, spec.task) for stage in STAGES}
    notebooks = {stage: str(path.relative_to(root)) for stage, path in paths.items()}
    signatures = {stage: read_signature(path) for stage, path in paths.items()}
    values, found = spec.model_dump(exclude_none=True), content(root, model)
    environment = _environment(root, model)
    if as_json:
        parameters = {stage: _as_json(one) for stage, one in signatures.items()}
        shown = {"spec": values, "notebooks": notebooks, "parameters": parameters}
        shown["environment"] = environment
        content_lists = {
            "content": [one._asdict() for one in found.parts],
            "serving": [one._asdict() for one in found.serving],
            "notes": found.notes,
            "pending": found.pending,
        }
        print_json(shown | {"fingerprint": found.fingerprint} | content_lists)
        return
    rows = [(key, _text(value)) for key, value in flatten(values)]
    print_table(f"{model} · {found.fingerprint}", ["model.yaml", "value"], rows)
    given = notebook_values(spec)
    for stage, one in signatures.items():
        parameter_rows = [
            (
                p.name,
                p.type,
                _text(given.get(p.name, "required" if p.required else p.default)),
                p.help,
            )
            for p in one.parameters.values()
        ]
        header = ["parameter", "type", "value", "help"]
        print_table(f"{stage} · {notebooks[stage]}", header, parameter_rows)
    echo(f"its notebooks run in {environment['made']}, from {environment['lock']}")
    _print_content(found)
    for note in (*found.notes, describe_pending(found)):
        if note:
            echo(f"note: {note}")


@click.command("check")
@click.argument("models", nargs=-1, shell_complete=complete_models)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def check_command(models: tuple[str, ...], as_json: bool) -> None:
    """Find what is wrong with specs and notebooks of MODELS, by default of all.

    Exit code 1 means that something is; hints fail nothing.
    """
    from runner.spec.check import check_models
    from runner.spec.folders import find_root, model_folders

    root = find_root()
    _tell_left_over(root)
    names = list(dict.fromkeys(models)) or model_folders(root)
    found = check_models(root, names)
    wrong = [one for one in found if not one.is_hint]
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        for one in found:
            echo(str(one))
        hints = len(found) - len(wrong)
        echo(
            f"{len(names)} model{'s' * (len(names) != 1)} checked: "
            f"{len(wrong) or 'no'} problem{'s' * (len(wrong) != 1)}, "
            f"{hints or 'no'} hint{'s' * (hints != 1)}"
        )
    if wrong:
        click.get_current_context().exit(1)


def _tell_left_over(root: Path) -> None:
    """Say which folders of models/ are no models, and what to do."""
    from runner.spec.folders import left_over_folders

    for name in left_over_folders(root):
        echo(f"models/{name}: passed over, tools have left it; remove it", err=True)


def _environment(root: Path, model: str) -> dict[str, str]:
    """Return the lock of a model's notebooks, and where its packages are."""
    from runner.errors import display_path
    from runner.notebook.environments import clone_folder, is_made
    from runner.spec.requirements import LOCK, own_lock

    lock = own_lock(root, model)
    if lock is None:
        return {"lock": LOCK, "made": "the environment of all"}
    folder = display_path(clone_folder(root, model, lock))
    made = str(folder) if is_made(lock) else "an environment of its own, not made yet"
    return {"lock": lock.relative_to(root).as_posix(), "made": made}


def _print_content(found: "Content") -> None:
    """Print what a model's content consists of besides model.yaml."""
    from runner.spec.content import NEEDED_BY

    parts = [one for one in found.parts if one.kind != "settings"]
    needed = [one for one in parts if one.reason.startswith(NEEDED_BY)]
    rows = [
        (one.kind, one.name, _shorten_hash(one.value.partition(" ;")[0]), one.reason)
        for one in parts
        if one not in needed
    ]
    if needed:
        rows.append(("package", f"{len(needed)} more", "", "needed by these (--json)"))
    header = ["content", "name", "value", "belongs to it because"]
    print_table("what changes the trained model, besides model.yaml", header, rows)


def _show_differences(root: Path, model: str, rev: str, *, as_json: bool) -> None:
    """Print what changed in a model's content since it left a revision."""
    from runner.git import find_commit, fork_point
    from runner.spec.content import content, content_in, open_tree
    from runner.spec.differences import changes, compare

    base = fork_point(root, rev)
    after, tree = content(root, model), open_tree(root, base)
    if tree.find(f"models/{model}/model.yaml") != "file":
        raise CallError(f"--diff {rev}: models/{model} was not there yet")
    before = content_in(tree, model)
    if as_json:
        differences = {
            "trained": compare(before.parts, after.parts),
            "served": compare(before.serving, after.serving),
        }
        found = {k: [one._asdict() for one in v] for k, v in differences.items()}
        print_json({"base": base, **found})
        return
    # As `select` does, a branch is compared with where it left another one.
    is_fork = base != find_commit(root, rev)
    forked = f", where HEAD left it ({base[:12]})," if is_fork else ""
    trained, served = changes(before, after)
    for title, lines in (("trained", trained), ("deployed", served)):
        what = f"{len(lines) or 'no'} change{'s' * (len(lines) != 1)}"
        echo(f"{model}: {what} since {rev}{forked} in what is {title}")
        for line in lines:
            echo(f"  {line}")


def _describe(root: Path, name: str) -> dict[str, Any]:
    from runner.spec.models import find_notebook, load_spec

    empty = {"task": "", "owner": "", "own": [], "description": ""}
    try:
        spec = load_spec(root, name)
    except CallError as error:
        # One that is broken must not hide the others.
        return {"name": name, **empty, "error": str(error)}
    notebooks = {s: find_notebook(root, name, s, spec.task) for s in STAGES}
    folder = root / "models" / name
    own = [stage for stage, path in notebooks.items() if path.parent == folder]
    described = {"name": name, "task": spec.task, "owner": spec.owner, "own": own}
    return described | {"description": spec.description, "error": None}


def _as_json(signature: "Signature") -> dict[str, Any]:
    return {
        one.name: {
            "type": one.type,
            "default": one.default,
            "required": one.required,
            "help": one.help,
        }
        for one in signature.parameters.values()
    }


def _shorten_hash(value: str) -> str:
    found = HASH.fullmatch(value)
    return found[1] if found else value


def _text(value: object) -> str:
    return value if isinstance(value, str) and value else repr(value)
