"""Cells of a notebook as its format allows them, and what else tools write there."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

PLAIN = "text/plain"
JSON = re.compile(r"application/(.*\+)?json")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


def source_of(cell: Mapping[str, Any]) -> str:
    """Return a cell's source, which a file may hold as a list of lines."""
    return "".join(cell["source"]).replace("\r\n", "\n")


def tags_of(cell: Mapping[str, Any]) -> list[str]:
    """Return a cell's tags."""
    return list(cell.get("metadata", {}).get("tags", []))


def is_code(cell: Mapping[str, Any]) -> bool:
    """Return whether a cell holds code to run."""
    return bool(cell["cell_type"] == "code" and source_of(cell).strip())


def heading_above(cells: Sequence[Mapping[str, Any]], index: int) -> str:
    """Return the heading that a cell stands under; "" if there is none."""
    for cell in reversed(cells[:index]):
        if cell["cell_type"] == "markdown" and (
            lines := HEADING.findall(source_of(cell))
        ):
            return str(lines[-1]).strip()
    return ""


def valid_data(data: object) -> dict[str, Any]:
    """Return the data of an output as the format allows it: text, or JSON.

    What is neither is shown as text.
    """
    if not isinstance(data, Mapping):
        return {PLAIN: "" if data is None else str(data)}
    data = {kind: _as_valid(kind, one) for kind, one in data.items()}
    kept = {
        # Its lines may be a list.
        kind: one if JSON.fullmatch(kind) else "".join(one)
        for kind, one in data.items()
        if _is_valid(kind, one)
    }
    wrong = {kind: one for kind, one in data.items() if kind not in kept}
    if wrong and PLAIN not in kept:
        said = [f"{kind} is no text: {one!r}" for kind, one in wrong.items()]
        kept[PLAIN] = str(wrong[PLAIN]) if PLAIN in wrong else "\n".join(said)
    return kept


def _as_valid(kind: str, value: Any) -> Any:
    """Return JSON as text where the format does not know that a type is JSON.

    Altair's is `application/vnd.vegalite.v6.json`, without the plus sign.
    """
    is_unknown = kind.endswith(".json") and not JSON.fullmatch(kind)
    return json.dumps(value) if is_unknown and isinstance(value, dict) else value


def _is_valid(kind: str, value: object) -> bool:
    """Return whether a value can be an output's data of this MIME type."""
    lines = value if isinstance(value, list) else [value]
    return bool(JSON.fullmatch(kind)) or all(isinstance(one, str) for one in lines)
