"""Notebooks that a person opens, in JupyterLab, VS Code, or with `jupyter execute`.

An extension of IPython, which `make setup` enables for every kernel of .venv. It acts
where Papermill acts in a run, at the parameters cell: it makes AWS reachable as the
verbs do, and fills in the values of the model that RUNNER_MODEL names and the results
of the prepare stage. The kernels of `runner run` load no extensions.
"""

import ast
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from lifecycle.errors import CallError, LifecycleError
from runner import STAGES

# Chooses the model for which the shared notebooks are opened.
MODEL_VARIABLE = "RUNNER_MODEL"


def load_ipython_extension(shell: Any) -> None:
    """Act on the cells of a kernel from now on; IPython calls this."""
    shell.ast_transformers.append(Desk())


class Desk:
    """Makes AWS reachable at a parameters cell, and fills in the chosen model."""

    def __init__(self) -> None:
        # What keeps the embedded AWS of the clone running for this kernel.
        self.use = ExitStack()

    def visit(self, cell: ast.Module) -> ast.Module:
        """Return a cell as it is to run; IPython calls this before each one."""
        if "model" not in parameters(cell):
            return cell
        try:
            return self._prepare(cell)
        except LifecycleError as error:
            # The cell fails, so that no other one runs.
            code = f"from {type(error).__module__} import {type(error).__name__}\n"
            code += f"raise {type(error).__name__}({str(error)!r})"
            return ast.parse(code)

    def _prepare(self, cell: ast.Module) -> ast.Module:
        from runner.spec.folders import find_root

        try:
            root = find_root()
        except CallError:
            # Another project's notebook.
            return cell
        check_environment(root)
        fill_in_model(cell, root)
        self._use_aws()
        fill_in_run(cell, root)
        return cell

    def _use_aws(self) -> None:
        from runner.cli.local import TARGET_VARIABLE, aws_at, default_target
        from runner.cli.output import echo

        target = default_target()
        self.use.close()
        self.use.enter_context(aws_at(target))
        local = os.environ.get("AWS_ENDPOINT_URL") if target == "local" else None
        echo(f"{TARGET_VARIABLE}={target}: {local or 'a real account'}")


def model_of(folder: Path) -> str:
    """Return the model whose notebooks are opened in a folder; "" if there is none.

    A notebook in a model's folder is that model's, a shared one that of RUNNER_MODEL.
    """
    from runner.spec.folders import find_root

    try:
        root = find_root(folder)
    except CallError:
        return ""
    if folder.is_relative_to(root / "models") and folder != root / "models":
        return folder.relative_to(root / "models").parts[0]
    is_shared = folder.is_relative_to(root / "notebooks")
    return os.environ.get(MODEL_VARIABLE, "") if is_shared else ""


def check_environment(root: Path) -> None:
    """Refuse a kernel whose packages are not those that the model is run with.

    Raises:
        CallError: it says which kernel has them.
    """
    from runner.notebook.environments import CLONE_FOLDER, clone_folder
    from runner.spec.requirements import own_lock

    model, here = model_of(Path.cwd()), Path(sys.prefix)
    lock = own_lock(root, model) if model else None
    if lock and here != clone_folder(root, model, lock):
        raise CallError(
            f"models/{model} has an environment of its own: open it by `make lab`, or "
            f"choose the interpreter that `runner environment {model}` prints"
        )
    if model and lock is None and here.parent.name == CLONE_FOLDER:
        raise CallError(
            f"models/{model} has no environment of its own, and this is {here.name}: "
            "restart the kernel"
        )


def fill_in_model(cell: ast.Module, root: Path) -> None:
    """Give a shared notebook's parameters the values of the chosen model's YAML.

    Raises:
        CallError: there is no such model, or it has another notebook for this stage.
    """
    from runner.cli.output import echo
    from runner.spec.models import load_spec, notebook_values

    name, here = os.environ.get(MODEL_VARIABLE), Path.cwd()
    # A model's own notebook is that model's, whichever is chosen.
    if not name or here.is_relative_to(root / "models"):
        return
    spec = load_spec(root, name)
    check_folder(root, here, name, spec.task)
    found = parameters(cell)
    given = {key: one for key, one in notebook_values(spec).items() if key in found}
    for key, value in given.items():
        found[key].value = as_code(value)
    echo(f"{MODEL_VARIABLE}={name}: {', '.join(given)} as in its model.yaml")


def fill_in_run(cell: ast.Module, root: Path) -> None:
    """Put into an empty `run` what a run has: the spec, and what prepare returned last.

    It has no id and no lineage, which are those of a run.
    """
    from lifecycle.aws import aws_errors
    from lifecycle.data import find_prepared
    from runner.cli.output import echo
    from runner.spec.models import load_spec, run_values

    found = parameters(cell)
    run = found["run"].value if "run" in found else None
    model = found["model"].value
    if not isinstance(run, ast.Dict) or run.keys or not isinstance(model, ast.Constant):
        return
    name, values = str(model.value), dict[str, Any]()
    if (root / "models" / name / "model.yaml").is_file():
        values = run_values(load_spec(root, name))
    # A notebook that reads the raw data is the prepare stage itself.
    if "data" not in found:
        with aws_errors():
            prepared = find_prepared(name)
        if prepared:
            values["prepare"] = prepared
            echo(f"run: the rows in {prepared['train'].rpartition('/')[0]}")
    found["run"].value = as_code(values)


def as_code(value: object) -> ast.expr:
    """Return the code of a plain value."""
    return ast.parse(repr(value), mode="eval").body


def parameters(cell: ast.Module) -> dict[str, ast.AnnAssign]:
    """Return what a parameters cell assigns, by name; nothing of any other cell."""
    found = {
        one.target.id: one
        for one in cell.body
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
    }
    return found if len(found) == len(cell.body) else {}


def check_folder(root: Path, here: Path, name: str, task: str) -> None:
    """Refuse a folder whose notebooks are not those of the chosen model.

    Raises:
        CallError: it says which notebooks are.
    """
    from runner.spec.models import find_notebook

    stages = [stage for stage in STAGES if (here / f"{stage}.ipynb").is_file()]
    theirs = [find_notebook(root, name, stage, task) for stage in stages]
    if stages and not any(path.parent == here for path in theirs):
        shown = ", ".join(path.relative_to(root).as_posix() for path in theirs)
        raise CallError(f"{MODEL_VARIABLE}={name}: open {shown}, which is that model's")
