"""Everything that can be wrong with models before anything runs, found in a second.

What a run refuses is found by the same functions; beside it what a run would not
notice: a setting that no notebook takes, a package that is not pinned, outputs in git.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from notebook_inputs import WorkingTree, cell_source
from notebook_inputs.git import is_repository
from notebook_inputs.magics import LOOKS_LIKE_MAGIC

from lifecycle.errors import CallError
from lifecycle.registration.model_card import CARD, TO_FILL_IN
from runner import STAGES
from runner.errors import SignatureError, SpecError, display_path
from runner.git import git_output
from runner.notebook.ipynb import (
    Cell,
    is_code,
    parse_cells,
    read_cells,
    source_place,
)
from runner.notebook.signature import Parameter, Signature, inspect_signature
from runner.spec.content import graph_of, reading
from runner.spec.folders import model_folders, read_yaml
from runner.spec.models import (
    USUAL_OBJECTIVES,
    find_notebook,
    inspect_spec,
    yaml_place,
    yaml_value,
)
from runner.spec.raw_features import bound_names, find_wrong_features
from runner.spec.requirements import ASKED, LOCK, lock_of, lock_problems
from runner.spec.schema import ModelSpec
from runner.spec.style import find_style_hints

# What the runner gives to parameters of these names, and their types.
GIVEN = {
    "model": "str",
    "task": "str",
    "data": "str",
    "label": "str",
    "description": "str",
    "approval": "str",
    "source": "str",
    "image_framework": "str",
    "image_version": "str",
    "image_uri": "str",
    "instance_type": "str",
    "instance_count": "int",
    "spot": "bool",
    "max_runtime_seconds": "int",
    "hyperparameters": "dict",
    "gates": "dict",
    "slices": "list",
    "decision": "dict",
    "endpoint": "dict",
    "run": "dict",
}
# Settings that are lost if no notebook has a parameter of that name.
SETTINGS = (
    *("source", "image_framework", "image_version", "image_uri"),
    *("instance_type", "instance_count", "spot"),
    *("max_runtime_seconds", "hyperparameters", "slices", "decision", "endpoint"),
)
OBJECTIVE = ("training", "hyperparameters", "objective")
SIMILARITY = 0.8
OF_THIS_MACHINE = re.compile(r"(/home/|/Users/|/root/|~/|[A-Z]:\\).+")
UNKNOWN = re.compile(r"(?P<path>.+) imports (?P<module>\S+), which is neither here nor")
PLACE = re.compile(
    r"(?P<file>[^:]+(?::\d+)?): (?:(?P<cell>(?:code |parameters )?cell\b[^:]*?)"
    r"(?:: | is tagged ))?(?P<message>.*)",
    re.DOTALL,
)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something wrong with a file, with its remedy; a hint fails nothing."""

    file: str
    message: str
    cell: str = ""
    is_hint: bool = False

    def __str__(self) -> str:
        place = f"{self.file}: {self.cell}" if self.cell else self.file
        return f"{'hint: ' if self.is_hint else ''}{place}: {self.message}"


def check_models(root: Path, names: Sequence[str] = ()) -> list[Finding]:
    """Check models and the notebooks that they use, each notebook once.

    Args:
        names: all models if empty.

    Raises:
        SpecError: there is no such model.
    """
    checked = names or model_folders(root)
    found: list[Finding] = []
    notebooks: dict[Path, Signature | None] = {}
    tree = WorkingTree(root)
    pinned: dict[tuple[Path, str], None] = {}
    for name in checked:
        used = dict.fromkeys(_notebooks(root, name, found))
        for path in used:
            if path not in notebooks:
                notebooks[path], wrong = _check_notebook(root, path)
                found += wrong
        found += _check_model(root, name, [notebooks[path] for path in used])
        if problems := list(lock_problems(root, name)):
            found += [_finding(SpecError(one)) for one in problems]
            continue
        lock = lock_of(tree, name)
        pinned |= {(path, lock): None for path in used if notebooks[path]}
    found += _find_committed_outputs(root, notebooks)
    found += _find_unpinned(root, tree, pinned)
    return sorted(dict.fromkeys(found), key=lambda one: (one.is_hint, one.file))


def _notebooks(root: Path, name: str, found: list[Finding]) -> Iterator[Path]:
    """Yield the notebook of each stage, and say which is missing or misnamed."""
    folder = root / "models" / name
    try:
        task = str(read_yaml(root, name).get("task", ""))
    except SpecError as error:
        if not folder.is_dir():
            raise
        found.append(_finding(error))
        task = ""
    for stage in STAGES:
        try:
            yield find_notebook(root, name, stage, task)
        except SpecError as error:
            if task:
                found.append(_finding(error))
    for path in sorted(folder.glob("*.ipynb")):
        near = get_close_matches(path.stem.lower().replace("_", "-"), STAGES, 1, 0.9)
        if near and path.stem not in STAGES:
            message = f"no stage runs it; name it {near[0]}.ipynb"
            found.append(Finding(file=_shown(root, path), message=message))


def _check_model(
    root: Path, name: str, signatures: Iterable[Signature | None]
) -> Iterator[Finding]:
    """Check model.yaml, what it gives to the notebooks, and the model card."""
    file = f"models/{name}/model.yaml"
    try:
        data = read_yaml(root, name)
    except SpecError:
        return
    try:
        spec, errors = inspect_spec(root, name, data)
    except CallError as error:
        # A notebook that it compares gates with is missing or cannot be read.
        spec, errors = None, []
        yield _finding(error)
    for message in errors:
        yield Finding(file=file, message=message)
    if "label" not in data:
        message = "label: missing; give the name of the column to predict"
        yield Finding(file=file, message=message)
    is_built_in = bool(spec) and not yaml_value(data, ("training", "source"))
    usual = USUAL_OBJECTIVES.get(str(data.get("task")), USUAL_OBJECTIVES["regression"])
    is_other = is_built_in and usual != USUAL_OBJECTIVES["regression"]
    if is_other and not yaml_value(data, OBJECTIVE):
        message = f"missing, so it is reg:squarederror; give {usual}"
        yield Finding(file=file, message=f"{'.'.join(OBJECTIVE)}: {message}")
    if spec and "/" in spec.data and (root / spec.data).exists():
        yield Finding(
            file=file,
            message=f"data: {spec.data} is a file of this clone; `runner upload {name} "
            f"{spec.data}` puts it into S3, then data: {Path(spec.data).name}",
        )
    known = [one for one in signatures if one]
    if len(known) == len(STAGES):
        yield from _find_lost_settings(file, data, known)
    for place, message in find_wrong_features(root, name):
        yield Finding(file=place, message=message)
    yield from _check_card(root, name, spec)


def _find_lost_settings(
    file: str, data: Mapping[str, Any], signatures: Sequence[Signature]
) -> Iterator[Finding]:
    taken = {name for one in signatures for name in one.parameters}
    for name in SETTINGS:
        place = yaml_place(name)
        if name not in taken and yaml_value(data, place) is not None:
            yield Finding(
                file=file,
                message=f"{'.'.join(place)}: no notebook has a parameter {name!r}, so "
                f"it changes nothing; add `{name}: {GIVEN[name]} = ...  # help` to the "
                "parameters cell of the model's own, or remove the key",
            )


def _check_card(root: Path, name: str, spec: ModelSpec | None) -> Iterator[Finding]:
    path = root / "models" / name / CARD
    if not path.is_file():
        yield Finding(
            file=f"models/{name}/{CARD}",
            message="missing; write a model card: intended use, data, metrics, limits",
        )
    elif count := path.read_text("utf-8", "replace").count(TO_FILL_IN):
        message = f"{count} places are still to be filled in"
        yield Finding(file=f"models/{name}/{CARD}", message=message, is_hint=True)
    if spec and not spec.owner:
        message = "owner: empty; say who is responsible for it"
        yield Finding(file=f"models/{name}/model.yaml", message=message, is_hint=True)


def _check_notebook(root: Path, path: Path) -> tuple[Signature | None, list[Finding]]:
    """Check a notebook by itself; the signature is None if it cannot be read."""
    file = _shown(root, path)
    try:
        signature, errors = inspect_signature(path)
        cells = read_cells(path)
    except SignatureError as error:
        return None, [_finding(error)]
    found = [_finding(error) for error in errors]
    found += _check_code(file, cells, signature)
    found += [
        Finding(file=file, cell=place, message=message, is_hint=True)
        for place, message in find_style_hints(cells)
    ]
    return signature, found


def _check_code(
    file: str, cells: Sequence[Cell], signature: Signature
) -> Iterator[Finding]:
    """Find syntax errors, files of this machine, and parameters that are missing."""
    used: dict[str, str] = {}
    defined = set(signature.parameters)
    for at, cell in enumerate(cells):
        if not is_code(cell):
            continue
        place = source_place(cells, at)
        try:
            tree = parse_cell(cell_source(cell))
        except SyntaxError as error:
            if at != _first_code(cells):
                message = f"line {error.lineno}: {error.msg}; no Python can run it"
                yield Finding(file=file, cell=place, message=message)
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                used.setdefault(node.id, place)
            defined |= bound_names(node)
            if isinstance(node, ast.Constant) and _is_local(node.value):
                message = f"{node.value!r} is on this machine only; read it from S3"
                yield Finding(file=file, cell=place, message=message)
    for name, kind in GIVEN.items():
        if name in used and name not in defined and signature.parameters:
            yield Finding(
                file=file,
                cell=used[name],
                message=f"uses {name}, which is not a parameter; add `{name}: "
                f"{kind} = ...  # help` to the parameters cell",
            )
    for one in signature.parameters.values():
        if near := _misspelt(one, signature.parameters):
            yield Finding(
                file=file,
                cell="parameters cell",
                message=f"{one.name}: the runner gives nothing of this name; did you "
                f"mean {near!r}?",
            )


def parse_cell(source: str) -> ast.Module:
    """Parse a cell as IPython does, with its own lines and a top-level await.

    Raises:
        SyntaxError: neither Python nor IPython can run it.
    """
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        tree = compile(source, "cell", "exec", flags)
    except SyntaxError:
        if not LOOKS_LIKE_MAGIC.search(source):
            raise
        # Imported only here: it takes longer than all the rest.
        from IPython.core.inputtransformer2 import TransformerManager

        plain = TransformerManager().transform_cell(source)  # type: ignore[no-untyped-call]
        tree = compile(plain, "cell", "exec", flags)
    assert isinstance(tree, ast.Module)
    return tree


def _first_code(cells: Sequence[Cell]) -> int:
    """Return the place of the parameters cell, whose errors are told by themselves."""
    return next((at for at, one in enumerate(cells) if is_code(one)), -1)


def _is_local(value: object) -> bool:
    return isinstance(value, str) and bool(OF_THIS_MACHINE.fullmatch(value))


def _misspelt(one: Parameter, known: Mapping[str, Parameter]) -> str:
    """Return the standard parameter that one of the same type is probably meant for."""
    if one.name in GIVEN:
        return ""
    kind = one.type.partition("[")[0]
    names = [name for name in GIVEN if name not in known and GIVEN[name] == kind]
    return next(iter(get_close_matches(one.name, names, 1, SIMILARITY)), "")


def _find_committed_outputs(root: Path, paths: Iterable[Path]) -> Iterator[Finding]:
    """Find notebooks whose outputs are in git's index."""
    files = [_shown(root, path) for path in paths]
    if not files or not is_repository(root):
        return
    wanted = "".join(f":./{file}\n" for file in files).encode()
    answer = git_output(root, "cat-file", "--batch", stdin=wanted)
    for file in files:
        head, _, answer = answer.partition(b"\n")
        if head.endswith(b"missing"):
            continue
        size = int(head.rpartition(b" ")[2])
        content, answer = answer[:size], answer[size + 1 :]
        try:
            cells = parse_cells(content.decode("utf-8-sig"), file)
        except (SignatureError, UnicodeDecodeError):
            continue
        count = sum(bool(cell.get("outputs")) for cell in cells)
        if count:
            message = f"{count} cells have outputs in git; run `make setup`, git add it"
            yield Finding(file=file, message=message)


def _find_unpinned(
    root: Path, tree: WorkingTree, pinned: Iterable[tuple[Path, str]]
) -> Iterator[Finding]:
    """Find imports that are neither in the repository nor among its packages.

    Args:
        pinned: notebooks, each with a lock that pins their packages.
    """
    for path, lock in pinned:
        with reading():
            if tree.find(_shown(root, path)) != "file":
                # Git ignores it, so it is in no clone.
                continue
            graph = graph_of(tree).with_lock(lock)
            inputs = graph.inputs(_shown(root, path))
        match = UNKNOWN.match(inputs.unknown)
        if match:
            file, module = match["path"], match["module"]
            yield Finding(
                file=file,
                cell=_importing_cell(root / file, module),
                message=f"imports {module}, which is neither here nor pinned in "
                f"{lock}; add it to {lock.removesuffix(LOCK)}{ASKED}, and run "
                "`make requirements`",
            )


def _importing_cell(path: Path, module: str) -> str:
    if path.suffix != ".ipynb":
        return ""
    cells = read_cells(path)
    pattern = re.compile(rf"^\s*(import|from)\s+{re.escape(module)}\b", re.MULTILINE)
    places = [at for at, cell in enumerate(cells) if pattern.search(cell_source(cell))]
    return source_place(cells, places[0]) if places else ""


def _finding(error: CallError) -> Finding:
    """Take apart the message of a run that was refused."""
    match = PLACE.fullmatch(str(error))
    if not match:
        return Finding(file="", message=str(error))
    tagged = " is tagged " in str(error)
    message = match["message"]
    return Finding(
        file=match["file"],
        cell=match["cell"] or "",
        message=f"is tagged {message}" if tagged else message,
    )


def _shown(root: Path, path: Path) -> str:
    if path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    return str(display_path(path))
