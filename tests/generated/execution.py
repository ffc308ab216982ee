"""Executes notebooks and tells everything that they made use of.

Run as a program, it reads one job a line and forks a process for each: nothing of the
repository is loaded before. It shares no code with what it checks.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# What code of a broken repository raises.
FAILURES = (ArithmeticError, AttributeError, ImportError, LookupError, NameError)
FAILURES += (OSError, SyntaxError, TypeError, ValueError)


class Executor:
    """A process that executes notebooks as often as it is asked to."""

    def __init__(self, process: "subprocess.Popen[str]", site: Path) -> None:
        self.process, self.site = process, site

    def run(self, root: Path, notebook: Path) -> dict[str, Any]:
        """Execute a notebook of a repository.

        Returns:
            `read`, `listed`: the paths that were, relative to the repository;
            `packages`: the installed modules that were; `result`: the value of the
            last cell, or the error.
        """
        job = {"root": str(root), "site": str(self.site), "notebook": str(notebook)}
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


@contextmanager
def executor(
    site: Path, packages: dict[str, tuple[str, tuple[str, ...]]]
) -> Iterator[Executor]:
    """Start a process that executes notebooks, with packages that do nothing.

    Args:
        site: where the packages are written.
    """
    for module, needs in packages.values():
        (site / module).mkdir(parents=True)
        imports = "".join(f"import {packages[one][0]}\n" for one in needs)
        (site / module / "__init__.py").write_text(f"{imports}VALUE = 1\n")
        (site / module / "core.py").write_text("VALUE = 2\n")
    command = [sys.executable, "-I", "-S", "-B", __file__]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Executor(process, site)
        finally:
            process.kill()


def serve() -> None:
    """Answer each line of the standard input by a line."""
    # What nearly all code imports is loaded once, before the forks.
    import glob
    import importlib.resources
    import pathlib
    import pkgutil
    import typing

    del glob, importlib.resources, pathlib, pkgutil, typing
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
    root, site, notebook = Path(job["root"]), Path(job["site"]), Path(job["notebook"])
    cells = json.loads(notebook.read_bytes())["cells"]
    code = ["".join(one["source"]) for one in cells if one["cell_type"] == "code"]
    os.chdir(notebook.parent)
    # The order of a kernel: the standard library, the notebook's folder, the installed
    # packages, the packages of the repository, the repository.
    sys.path += ["", str(site), *map(str, sorted(root.glob("packages/*/src")))]
    sys.path.append(str(root))
    read: set[str] = set()
    listed: set[str] = set()
    seen = {"open": read, "os.listdir": listed, "os.scandir": listed}

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event in seen and isinstance(arguments[0], str):
            seen[event].add(os.path.normpath(notebook.parent / arguments[0]))

    sys.addaudithook(note)
    names: dict[str, Any] = {"__name__": "__main__"}
    try:
        for cell in code:
            if not cell.startswith(("%", "!")):
                exec(compile(cell, "<cell>", "exec"), names)
        result = repr(names.get("VALUE"))
    except FAILURES as error:
        result = f"{type(error).__name__}: {error}"
    return {
        "read": below(root, read),
        "listed": below(root, {f"{one}/" for one in listed}),
        "packages": sorted({one.split("/")[0] for one in below(site, read)}),
        "result": result.replace(str(root), ""),
    }


def below(folder: Path, paths: set[str]) -> list[str]:
    """Return the paths below a folder, relative to it."""
    prefix = f"{folder}/"
    found = (one.removeprefix(prefix) for one in paths if one.startswith(prefix))
    return sorted(found)


if __name__ == "__main__":
    serve()
