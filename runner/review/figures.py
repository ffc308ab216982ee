"""The figures that matter, taken from an executed notebook."""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass

from runner import ipynb

TAG = "review"
MAGIC = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A picture, and the heading it stood under."""

    heading: str
    kind: str
    content: str


def figures(notebook: ipynb.Notebook) -> list[Figure]:
    """Take the figures of the cells tagged `review`; where none is, all figures."""
    tagged = [cell for cell in notebook.cells if TAG in cell.metadata.get("tags", [])]
    return list(_figures(notebook, bool(tagged)))


def _figures(notebook: ipynb.Notebook, only_tagged: bool) -> Iterator[Figure]:
    for index, cell in enumerate(notebook.cells):
        if only_tagged and TAG not in cell.metadata.get("tags", []):
            continue
        for output in cell.get("outputs", []):
            for kind, magic in MAGIC.items():
                content = "".join(output.get("data", {}).get(kind, "").split())
                if _begins(content, magic):
                    heading = ipynb.heading(notebook, index)
                    yield Figure(heading=heading, kind=kind, content=content)


def _begins(content: str, magic: bytes) -> bool:
    """Tell a picture from whatever else says to be one."""
    try:
        return base64.b64decode(content, validate=True).startswith(magic)
    except (binascii.Error, ValueError):
        return False
