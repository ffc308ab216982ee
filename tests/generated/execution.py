"""Executes the code of notebooks and tells which files of a repository they read.

Run as a program, it reads one job a line and forks a process for each: nothing of the
repository is loaded before. It shares no code with what it checks.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# By name the packages that each needs, and its module.
Packages = Mapping[str, tuple[tuple[str, ...], str]]
# What code of a broken repository raises.
FAILURES = (ArithmeticError, AttributeError, ImportError, LookupError, NameError)
FAILURES += (OSError, SyntaxError, TypeError, ValueError)


class Executor:
    """A process that executes notebooks as often as it is asked to."""

    def __init__(self, process: "subprocess.Popen[str]", site: Path) -> None:
        self.process = process
        self.site = site

    def run(self, root: Path, notebook: str) -> dict[str, Any]:
        """Execute a notebook of a repository.

        Returns:
            `read`: the paths that were read, relative to the repository;
            `packages`: the installed modules that were; `result`: the value of the
            last cell, or the error.
        """
        job = {"root": str(root), "site": str(self.site), "notebook": notebook}
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


@contextmanager
def executor(
    folder: Path, packages: Mapping[str, tuple[tuple[str, ...], str]]
) -> Iterator[Executor]:
    """Start a process that executes notebooks, with packages that do nothing.

    Args:
        folder: where the packages are written.
    """
    for needs, module in packages.values():
        (folder / module).mkdir(parents=True)
        imports = "".join(f"import {packages[one][1]}\n" for one in needs)
        (folder / module / "__init__.py").write_text(f"{imports}VALUE = 1\n")
        (folder / module / "core.py").write_text("VALUE = 2\n")
    command = [sys.executable, "-I", "-S", "-B", __file__]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Executor(process, folder)
        finally:
            process.kill()


def serve() -> None:
    """Answer each line of the standard input by a line."""
    # What nearly all code imports is loaded once, before the forks.
    import importlib.resources
    import pathlib
    import pkgutil
    import typing

    del importlib.resources, pathlib, pkgutil, typing
    for line in sys.stdin:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            answer = execute(json.loads(line))
            os.write(writer, json.dumps(answer).encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            said = pipe.read()
        os.waitpid(child, 0)
        print(said.decode(), flush=True)


def execute(job: dict[str, str]) -> dict[str, Any]:
    """Execute the code cells of one notebook as its kernel does."""
    root, site = Path(job["root"]), Path(job["site"])
    notebook = root / job["notebook"]
    cells = json.loads(notebook.read_bytes())["cells"]
    code = ["".join(one["source"]) for one in cells if one["cell_type"] == "code"]
    os.chdir(notebook.parent)
    # The order of a kernel: the standard library, the notebook's folder, the installed
    # packages, the packages of the repository, the repository.
    sys.path += ["", str(site), *map(str, sorted(root.glob("packages/*/src")))]
    sys.path.append(str(root))
    read: set[str] = set()

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str):
            read.add(os.path.normpath(notebook.parent / arguments[0]))

    sys.addaudithook(note)
    names: dict[str, Any] = {"__name__": "__main__"}
    try:
        for cell in code:
            if not cell.startswith(("%", "!")):
                exec(compile(cell, "<cell>", "exec"), names)
        result = repr(names.get("VALUE"))
    except FAILURES as error:
        result = f"{type(error).__name__}: {error}"
    modules = [one.split("/")[0] for one in _below(site, read)]
    return {
        "read": _below(root, read),
        "packages": sorted(set(modules)),
        "result": result.replace(str(root), ""),
    }


def _below(folder: Path, paths: Iterable[str]) -> list[str]:
    """Return the paths below a folder, relative to it."""
    prefix = f"{folder}/"
    found = (one.removeprefix(prefix) for one in paths if one.startswith(prefix))
    return sorted(found)


if __name__ == "__main__":
    serve()
