"""Everything that determines a model, observed by executing its notebooks.

This is the brute force that `content` is compared with: no code is parsed, and nothing
of the runner is used.
"""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from generated.execution import Executor
from generated.repositories import ALL_PINS, EVERYTHING, PACKAGES, STAGES

READMES = ("README.md", "README.rst", "README.txt")
# The lines of a model.yaml that determine no training.
NOT_TRAINED = ("#", "description:", "owner:", "approval:", "endpoint:")
NOTEBOOKS = {f"{stage}.ipynb" for stage in STAGES}


class Observer:
    """Observes what models of a checkout make use of."""

    def __init__(self, root: Path, executor: Executor) -> None:
        self.root, self.executor = root, executor
        self.runs: dict[Path, dict[str, Any]] = {}
        self.folders = {Path(folder) for folder, _, _ in os.walk(root)}

    def forget(self, edited: Iterable[str], come_or_gone: Iterable[str]) -> None:
        """Forget the runs that an edit can change.

        Args:
            come_or_gone: those of the edited files that were not there, or are not.
        """
        paths = {os.path.realpath(self.root / path) for path in edited}
        for path in come_or_gone:
            for folder in (self.root / path).parents:
                paths.add(os.path.realpath(folder))
                if folder in self.folders and folder.exists():
                    break
        self.runs = {
            notebook: run
            for notebook, run in self.runs.items()
            if paths.isdisjoint(run["paths"])
        }

    def observe(self) -> dict[str, tuple[Any, Any]]:
        """Return by model what determines it, and what determines how it is served."""
        found = {}
        for settings in sorted(self.root.glob("models/*/model.yaml")):
            lines = settings.read_text(encoding="utf-8").splitlines()
            paths = list(self._notebooks(settings.parent, lines))
            trained = [
                sorted(line for line in lines if not line.startswith(NOT_TRAINED)),
                dict(self._own_files(settings.parent)),
                self._used(settings.parent, paths[:2]),
            ]
            served = [
                [line for line in lines if line.startswith("endpoint:")],
                self._used(settings.parent, paths[2:])[:2],
            ]
            found[settings.parent.name] = (trained, served)
        return found

    def _notebooks(self, folder: Path, lines: Iterable[str]) -> Iterator[Path | None]:
        """Yield the notebook of each stage."""
        task = next(line[6:] for line in lines if line.startswith("task: "))
        places = (folder, self.root / "notebooks" / task, self.root / "notebooks")
        for stage in STAGES:
            paths = (place / f"{stage}.ipynb" for place in places)
            yield next((path for path in paths if path.exists()), None)

    def _used(self, folder: Path, notebooks: Iterable[Path | None]) -> list[Any]:
        """Return code, files and pins that notebooks use; more if a mark says so."""
        code, files, modules = [], {}, set()
        for path in notebooks:
            if path is None:
                code.append(None)
                continue
            if path not in self.runs:
                run = self.executor.run(self.root, path)
                used = (path, *run["read"], *run["listed"])
                # Links do not change while a run is kept: with them, all are forgotten.
                run["paths"] = {os.path.realpath(self.root / one) for one in used}
                self.runs[path] = run
            run = self.runs[path]
            code.append(_code(path))
            files |= {name: _content(self.root / name) for name in run["read"]}
            modules |= {*run["packages"]}
        marks = f"{code} {files}"
        pins = dict(self._pins())
        if EVERYTHING in marks:
            files |= dict(self._everything(folder))
        elif ALL_PINS not in marks:
            used = {name for name, (module, _) in PACKAGES.items() if module in modules}
            needed = self._needed_by(used)
            pins = {name: one for name, one in pins.items() if name in used | needed}
        return [code, files, pins]

    def _pins(self) -> Iterator[tuple[str, str]]:
        """Yield the packages of the lock, and their versions."""
        for line in (self.root / "requirements.txt").read_text().splitlines():
            if "==" in line:
                name, _, version = line.partition("==")
                yield name, version

    def _needed_by(self, used: set[str]) -> set[str]:
        """Return the packages that the lock names as needed by used ones only."""
        lines = (self.root / "requirements.txt").read_text().splitlines()
        via = {
            line: lines[number + 1 : number + 2] for number, line in enumerate(lines)
        }
        return {
            line.partition("==")[0]
            for line, below in via.items()
            if below and below[0].removeprefix("    # via ") in used
        }

    def _own_files(self, folder: Path) -> Iterator[tuple[str, Any]]:
        """Yield the files of a model's folder, as links show them."""
        for path in _walk(folder, ()):
            name = str(path.relative_to(folder))
            if name not in (*READMES, "model.yaml", *NOTEBOOKS):
                yield name, _content(path)

    def _everything(self, folder: Path) -> Iterator[tuple[str, Any]]:
        """Yield all files, links not followed."""
        for above, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if name != ".git"]
            linked = [name for name in folders if Path(above, name).is_symlink()]
            for path in (Path(above, name) for name in [*names, *linked]):
                if path == folder / "model.yaml" or path.name == ".git":
                    continue
                link = str(path.readlink()) if path.is_symlink() else None
                yield str(path), link or _content(path)


def _walk(folder: Path, within: tuple[str, ...]) -> Iterator[Path]:
    """Yield the files below a folder through links, but not round in circles."""
    real = os.path.realpath(folder)
    if real in within:
        return
    for path in sorted(folder.iterdir()):
        if path.name != ".git":
            if path.is_dir():
                yield from _walk(path, (*within, real))
            else:
                yield path


def _content(path: Path) -> Any:
    """Return a file's bytes, a notebook's code, or where a lost link leads."""
    if not path.exists():
        return str(path.readlink()) if path.is_symlink() else None
    return _code(path) if path.suffix == ".ipynb" else path.read_bytes()


def _code(notebook: Path) -> list[tuple[str, list[str]]]:
    """Return the code cells of a notebook, and their tags."""
    cells = json.loads(notebook.read_bytes())["cells"]
    code = [one for one in cells if one["cell_type"] == "code"]
    sources = [("".join(one["source"]).replace("\r\n", "\n"), one) for one in code]
    return [
        (text, sorted(one["metadata"].get("tags", [])))
        for text, one in sources
        if text.strip()
    ]
