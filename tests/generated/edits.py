"""Edits of generated repositories, and the models that each must affect.

What an edit affects is told by the description that the repository was written from.
"""

import json
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from generated.repositories import LINK, STAGES, Edits, File, Generated

NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """One edit, and what it must and must not change.

    Attributes:
        name: says what was done to what.
        edits: by path what is there afterwards; a submodule's commit by its number.
        trained: the models whose content changes.
        served: the models of which only that changes which determines serving.
        either: the models for which both answers are right.
        shown: what one of the reasons must name, for each trained or served model.
        deleted: models that are gone.
    """

    name: str
    edits: Edits
    trained: frozenset[str] = NOBODY
    served: frozenset[str] = NOBODY
    either: frozenset[str] = NOBODY
    shown: str = ""
    deleted: tuple[str, ...] = ()


def content_edit(
    made: Generated,
    name: str,
    edits: Edits,
    *changed: str,
    shown: str = "",
    either: frozenset[str] = NOBODY,
) -> Mutation:
    """Return an edit of files that concerns the models which need one of them."""
    users = set(made.users(*changed)) if changed else set()
    for path in edits:
        users |= {path.split("/")[1]} if _is_in_model(made, path) and changed else set()
        users |= _linked_users(made, path)
    trained = frozenset(users) | made.unfollowed
    return Mutation(
        name=name, edits=edits, trained=trained - either, either=either, shown=shown
    )


def linked_to(made: Generated, target: str) -> frozenset[str]:
    """Return the models whose folder has a link to a folder or a file."""
    return frozenset(
        path.split("/")[1]
        for path, one in made.files.items()
        if one.mode == LINK
        and path.startswith("models/")
        and one.data.decode() == f"../../{target}"
    )


def _linked_users(made: Generated, path: str) -> frozenset[str]:
    """Return the models with a link in their folder that leads to a file."""
    found: frozenset[str] = linked_to(made, path)
    if path.startswith("assets/"):
        found |= linked_to(made, "assets")
    if path.startswith("stock/") and "assets/more" in made.files:
        found |= linked_to(made, "assets")
    return found


def folder_edit(made: Generated, name: str, edits: Edits) -> Mutation:
    """Return an edit of one model's folder."""
    model = next(iter(edits)).split("/")[1]
    trained = frozenset({model}) | made.unfollowed | made.users(*edits)
    return Mutation(name=name, edits=edits, trained=trained)


def notebook_edit(made: Generated, name: str, edits: Edits, path: str) -> Mutation:
    """Return an edit of the code of a notebook of some stage."""
    stages = made.stages.items()
    trained = frozenset(m for m, one in stages if path in (one[s] for s in STAGES[:2]))
    served = frozenset(m for m, one in stages if path == one["deploy"])
    trained |= made.unfollowed
    return Mutation(
        name=name, edits=edits, trained=trained, served=served - trained, shown=path
    )


def with_cells(
    made: Generated, path: str, change: Callable[[list[Any]], list[Any]]
) -> Edits:
    """Return a notebook with other cells, written as the old one was."""
    notebook = json.loads(made.files[path].data)
    notebook["cells"] = change(notebook["cells"])
    indent = 1 if b"\n " in made.files[path].data else None
    text = json.dumps(notebook, indent=indent, ensure_ascii=False)
    return {path: File(f"{text}\n".encode())}


def modules_of(made: Generated, *, inits: bool = True) -> list[str]:
    return [
        path
        for path in made.code
        if path.endswith(".py")
        and not path.startswith("vendor/")
        and (inits or "__init__" not in path)
    ]


def notebooks_of(made: Generated) -> list[str]:
    """Return the notebooks of stages, used or not."""
    return [
        path for path in made.code if path.endswith(".ipynb") and "explore" not in path
    ]


def _is_in_model(made: Generated, path: str) -> bool:
    return path.startswith("models/") and path.split("/")[1] in made.models


def pick(chance: random.Random, among: Iterable[str], count: int) -> list[str]:
    listed = sorted(among)
    return chance.sample(listed, min(count, len(listed)))
