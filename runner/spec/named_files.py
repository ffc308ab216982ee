"""Which files of a repository the texts of some code name.

Code composes paths from pieces: `Path(__file__).parent / "tables" / "codes.csv"`. What
it composes is not computed here. A file counts if its name is one of the texts, and so
is every folder on the way to it from a place to start from: the folder of the code, the
folder of the notebook, or one above them. That can be too many files, rarely too few.
"""

import fnmatch
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, lru_cache

from runner.spec.trees import Tree

# Paths by some folder; of Named the folder that code or notebook must be in, or below.
Paths = dict[str, list[str]]
Named = Mapping[str, list[str]]
ALL_BESIDE = "./*"
# An importable name may be that of a package with data: files("features.tables").
WORD = re.compile(r"[^\W_]")
# A pattern of file names says their ending; other texts with stars mean other things.
PATTERN = re.compile(r"[\w .*?-]*\.\w+")
NO_NAMES = frozenset({"", ".", ".."})
DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


class NamedFiles:
    """The files of one tree, found by the texts that name them."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree

    def of(self, texts: Iterable[str], path: str) -> Named:
        """Return the files that the texts in a file of code name."""
        split = [(text, _split(text)) for text in texts]
        words = {one for _, pieces in split for one in pieces if "*" not in one}
        dotted = [one for one in words if DOTTED.fullmatch(one)]
        words.update(part for one in dotted for part in one.split("."))
        folder = path.rpartition("/")[0]
        found: dict[str, dict[str, None]] = {}
        for text, pieces in split:
            if text == ALL_BESIDE:
                found.setdefault(folder, {}).update(self._by_folder.get(folder, {}))
            elif pieces:
                for start, one in self._of_text(text, pieces, words):
                    found.setdefault(start, {})[one] = None
        return {start: [*files] for start, files in found.items()}

    def _of_text(
        self, text: str, pieces: list[str], words: set[str]
    ) -> Iterator[tuple[str, str]]:
        """Yield the files that one text names, after the folder that each starts at."""
        for number, one in enumerate(pieces if self._absent else ()):
            for folder, paths in self._absent.get(one, {}).items():
                start = _start(folder, pieces[:number], words)
                if start is not None:
                    yield from ((start, path) for path in paths)
        *above, name = pieces
        for folder, paths in self._matching(name, self._by_name):
            start = _start(folder, above, words)
            if start is not None:
                yield from ((start, path) for path in paths)
        # A single word that is a folder's name as well mostly means something else.
        if "/" not in text.strip("/"):
            return
        for parent, folders in self._matching(name, self._folders_by_name):
            start = _start(parent, above, words)
            if start is not None:
                for folder in folders:
                    yield from ((start, path) for path in self._below(folder))

    def _matching(
        self, name: str, known: Mapping[str, Paths]
    ) -> Iterable[tuple[str, list[str]]]:
        """Return by folder the paths with a name, which may have stars."""
        if not any(one in name for one in "*?["):
            return known[name].items() if name in known else ()
        if not PATTERN.fullmatch(name):
            return ()
        key = (name, known is self._by_name)
        if key not in self._matches:
            match = _pattern(name).fullmatch
            self._matches[key] = [
                group
                for one, paths in known.items()
                if match(one)
                for group in paths.items()
            ]
        return self._matches[key]

    def _below(self, folder: str) -> Iterator[str]:
        """Yield the files below a folder, which may be seen through a link."""
        target = self.tree.resolve(folder)
        return (shown for shown, _ in self.tree.files_below(target, folder))

    @cached_property
    def _matches(self) -> dict[tuple[str, bool], list[tuple[str, list[str]]]]:
        return {}

    @cached_property
    def paths(self) -> list[str]:
        """Return the paths of all files, also as they are seen through links."""
        found: list[str] = []
        for path, entry in self.tree.entries.items():
            if path in self.tree.links and self.tree.find(path) == "folder":
                found += self._below(path)
            elif entry.kind != "submodule":
                found.append(path)
        return found

    @cached_property
    def _absent(self) -> Mapping[str, Paths]:
        """Return the submodules that are not checked out, whatever is in them."""
        return _by_name(filter(self.tree.is_absent, self.tree.entries))

    @cached_property
    def _by_folder(self) -> Mapping[str, dict[str, None]]:
        found: dict[str, dict[str, None]] = {}
        for path in self.paths:
            found.setdefault(path.rpartition("/")[0], {})[path] = None
        return found

    @cached_property
    def _by_name(self) -> Mapping[str, Paths]:
        return _by_name(self.paths)

    @cached_property
    def _folders_by_name(self) -> Mapping[str, Paths]:
        return _by_name(sorted({*self.tree.folders, *self._by_folder} - {""}))


def _by_name(paths: Iterable[str]) -> Mapping[str, Paths]:
    """Group paths by their name, then by their folder."""
    found: dict[str, Paths] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        found.setdefault(name, {}).setdefault(folder, []).append(path)
    return found


def _split(text: str) -> list[str]:
    """Return the folders and the name in a text, without a computed end."""
    pieces = [one for one in os.path.normpath(text).split("/") if one not in NO_NAMES]
    while len(pieces) > 1 and not WORD.search(pieces[-1]):
        pieces.pop()
    return pieces if pieces and WORD.search(pieces[-1]) else []


def _start(folder: str, above: list[str], words: set[str]) -> str | None:
    """Return the folder from which texts lead to another one; None if none do.

    Args:
        above: the folders that stand before the name in its own text.
    """
    for number, one in enumerate(reversed(above), start=1):
        if one == "**":
            return ""
        if number == len(above) and one == "*":
            # What is computed in front of a path is a place to start from.
            break
        folder, _, last = folder.rpartition("/")
        if not last or (one != last and not _pattern(one).fullmatch(last)):
            return None
    while folder:
        parent, _, last = folder.rpartition("/")
        if last not in words:
            break
        folder = parent
    return folder


@lru_cache(maxsize=4096)
def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(name))
