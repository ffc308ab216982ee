"""Which files of a repository the texts of some code name.

Code composes paths from pieces: `Path(__file__).parent / "tables" / "codes.csv"`. What
it composes is not computed here. A file counts if its name is one of the texts, and so
is every folder on the way to it from a place to start from: the folder of the code, the
folder of the notebook, or one above them. That can be too many files, rarely too few.
"""

import fnmatch
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import chain
from typing import NamedTuple

from notebook_inputs.trees import Tree

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


class _Text(NamedTuple):
    """What a text could name: paths by the folder that they are in.

    Attributes:
        words: the folders and names in it.
        absent: submodules, also with what stands before them in the text.
    """

    is_all_beside: bool
    pieces: list[str]
    words: frozenset[str]
    absent: Sequence[tuple[list[str], str, list[str]]] = ()
    files: Collection[tuple[str, list[str]]] = ()
    folders: Collection[tuple[str, list[str]]] = ()


class NamedFiles:
    """The files of one tree, found by the texts that name them."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree

    def of(self, texts: Iterable[str], path: str) -> Named:
        """Return the files that the texts in a file of code name."""
        looked_up = [self._look_up(text) for text in texts]
        words: set[str] = set()
        words.update(*(one.words for one in looked_up))
        folder = path.rpartition("/")[0]
        found: dict[str, dict[str, None]] = {}
        for one in looked_up:
            if one.is_all_beside:
                found.setdefault(folder, {}).update(self._by_folder.get(folder, {}))
            for start, file in self._of_text(one, words):
                found.setdefault(start, {})[file] = None
        return {start: [*files] for start, files in found.items()}

    def _of_text(self, text: "_Text", words: set[str]) -> Iterator[tuple[str, str]]:
        """Yield the files that one text names, after the folder that each starts at."""
        for above, folder, paths in text.absent:
            start = _start(folder, above, words)
            if start is not None:
                yield from ((start, path) for path in paths)
        above = text.pieces[:-1]
        for folder, paths in text.files:
            start = _start(folder, above, words)
            if start is not None:
                yield from ((start, path) for path in paths)
        for parent, folders in text.folders:
            start = _start(parent, above, words)
            if start is not None:
                for folder in folders:
                    yield from ((start, path) for path in self._below(folder))

    def _look_up(self, text: str) -> "_Text":
        """Return what a text could name, wherever it stands."""
        if text not in self._texts:
            self._texts[text] = self._parse(text)
        return self._texts[text]

    def _parse(self, text: str) -> "_Text":
        pieces = _split(text)
        plain = [one for one in pieces if "*" not in one]
        dotted = (one.split(".") for one in plain if DOTTED.fullmatch(one))
        words = frozenset(chain(plain, *dotted))
        if text == ALL_BESIDE or not pieces:
            return _Text(text == ALL_BESIDE, pieces, words)
        # A single word that is a folder's name as well mostly means something else.
        is_path = "/" in text.strip("/")
        return _Text(
            is_all_beside=False,
            pieces=pieces,
            words=words,
            absent=[
                (pieces[:number], folder, paths)
                for number, one in enumerate(pieces if self._absent else ())
                for folder, paths in self._absent.get(one, {}).items()
            ],
            files=self._matching(pieces[-1], self._by_name),
            folders=self._matching(pieces[-1], self._folders_by_name)
            if is_path
            else (),
        )

    def _matching(
        self, name: str, known: Mapping[str, Paths]
    ) -> Collection[tuple[str, list[str]]]:
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
    def _texts(self) -> dict[str, _Text]:
        return {}

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
        return _by_name(filter(self.tree.is_absent, sorted(self.tree.submodules)))

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
