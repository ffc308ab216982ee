"""What a notebook keeps of its cells' outputs: as much as a person reads.

A cell can print 50 MB, display a table of 44,200 rows or an image of 30 MB: keeping,
scrubbing and rendering it all would take minutes. What is beyond the limits is left
out where it comes in, and a note in its place says how much, and how to keep it.
"""

import json
import re
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from notebook_page.cells import JSON, PLAIN, valid_data

# Returns whether a text has nothing that must be masked.
IsClean = Callable[[str], bool]

MARKUP = ("text/html", "text/markdown")
TEXT = ("text/", "application/json")
DATA_URI = re.compile(r"\bdata:[^\"'\s)]+")
# Longer than a secret, a private key for instance.
EDGE = 8192
# A line so long is no progress bar that is drawn anew.
LONGEST_LINE = 1 << 16
# So many of a table that is cut are kept.
MAX_ROWS = 2000
# So many of a cell's last outputs are kept, however many it displays.
LAST_OUTPUTS = 20
MAX_MESSAGE = 100_000  # characters of an error


class Amounts(NamedTuple):
    """Characters of each kind, and a number of outputs."""

    text: float = 0
    markup: float = 0
    media: float = 0
    outputs: float = 0

    def plus(self, other: "Amounts", sign: int = 1) -> "Amounts":
        """Add other amounts, or take them away."""
        return Amounts(*(a + sign * b for a, b in zip(self, other, strict=True)))

    def within(self, other: "Amounts") -> bool:
        """Return whether no amount is larger than the other one of its kind."""
        return all(a <= b for a, b in zip(self, other, strict=True))


# To be scrubbed and rendered a megabyte of markup takes 0.8 s, text 0.5 s, media 0.2 s.
PER_CELL = Amounts(text=2e6, markup=2e6, media=1e7, outputs=500)
PER_NOTEBOOK = Amounts(text=8e6, markup=4e6, media=2e7, outputs=2000)
# What each cell may display even if others have displayed all that a notebook keeps.
RESERVED = Amounts(text=1e5, markup=5e4, media=1e6, outputs=LAST_OUTPUTS)
UNLIMITED = Amounts(*[float("inf")] * 4)


@dataclass
class KeptOutputs:
    """Keeps the outputs of one notebook's cells, within limits.

    Attributes:
        is_clean: keeps a secret from being cut in two, which neither half would show.
        remedy: says in each note how to keep all.
        per_cell: the limits of a cell.
        per_notebook: those of all cells together.
    """

    is_clean: IsClean = lambda _: True
    remedy: str = ""
    per_cell: Amounts = PER_CELL
    per_notebook: Amounts = PER_NOTEBOOK
    _before: Amounts = field(default_factory=Amounts)  # used by the cells before
    _cell: Amounts = field(default_factory=Amounts)
    _streams: dict[str, "Stream"] = field(default_factory=dict)
    _crowd: "Crowd | None" = None
    _displays: dict[str, list[Any]] = field(default_factory=dict)
    _widgets: Amounts = field(default_factory=Amounts)  # what Output widgets hold

    def start_cell(self) -> None:
        """Begin with the outputs of the next cell."""
        self._before = self._before.plus(self._cell)
        self._cell, self._crowd = Amounts(), None
        self._streams.clear()

    def clear(self, outputs: list[Any]) -> None:
        """Empty the outputs of the cell."""
        for output in outputs:
            # What was displayed under an id is known by it, too.
            output.clear()
        outputs.clear()
        self._cell, self._crowd = Amounts(), None
        self._streams.clear()

    def settle(self) -> None:
        """Write the text of the cell's streams into its outputs."""
        for stream in self._streams.values():
            stream.node["text"] = stream.text()

    def add_stream(self, outputs: list[Any], name: str, text: str) -> None:
        """Add to what a cell prints: one output a stream.

        A secret that was printed in two pieces is found only in one text.
        """
        if name not in self._streams:
            node = _node({"output_type": "stream", "name": name, "text": ""})
            room = max(self._left().text, RESERVED.text)
            self._streams[name] = Stream(
                node, Ends(room / 2, self.is_clean, self.remedy)
            )
            self._cell = self._cell.plus(Amounts(outputs=1))
            # The two arrive in any order: what is printed first stands first.
            after = bool(outputs) and outputs[-1].get("name") == "stderr"
            outputs.insert(len(outputs) - after, node)
        stream = self._streams[name]
        before = stream.ends.size
        stream.add(text)
        self._cell = self._cell.plus(Amounts(text=stream.ends.size - before))

    def add_error(
        self, outputs: list[Any], name: str, message: str, traceback: list[str]
    ) -> None:
        """Add the error of a cell."""
        short = self._shorten(message, MAX_MESSAGE)
        lines = [self._shorten(line, MAX_MESSAGE) for line in traceback]
        error = {"output_type": "error", "ename": name, "evalue": short}
        outputs.append(_node(error | {"traceback": lines}))

    def add(
        self, outputs: list[Any], output: dict[str, Any], display_id: str = ""
    ) -> None:
        """Add what the cell displayed or returned."""
        if self._left().outputs < 1:
            self._make_room(outputs)
        data, amounts = self._fit(output["data"])
        self._cell = self._cell.plus(amounts)
        outputs.append(node := _node(output | {"data": data}))
        if display_id:
            # One cell may display it often.
            self._displays.setdefault(display_id, []).append(node)

    def update(
        self, display_id: str, data: object, metadata: Mapping[str, Any]
    ) -> None:
        """Replace what was displayed under an id, in whatever cell."""
        for node in filter(None, self._displays.get(display_id, [])):
            self._cell = self._cell.plus(weigh(node["data"]), -1)
            fitted, amounts = self._fit(data)
            self._cell = self._cell.plus(amounts)
            node["data"] = _node(fitted)
            node["metadata"] = _node(metadata)

    def clear_widgets(self) -> None:
        """Count again what Output widgets hold: one of them was cleared."""
        self._widgets = Amounts()

    def fit_widget(self, content: dict[str, Any]) -> dict[str, Any] | None:
        """Return a message's content as an Output widget shows it.

        Beyond the limits of a cell it is a note, once, and then None.
        """
        data = content.get("data")
        more = weigh(data) if isinstance(data, Mapping) else Amounts(outputs=0)
        text = str(content.get("text", ""))
        was_within = self._widgets.within(self.per_cell)
        self._widgets = self._widgets.plus(more).plus(Amounts(text=len(text)))
        if self._widgets.within(self.per_cell):
            return content
        note = noted("more is left out here", self.remedy)
        return {"name": "stderr", "text": f"{note}\n"} if was_within else None

    def _left(self) -> Amounts:
        """Return what the cell may still display."""
        left = self.per_notebook.plus(self._before, -1)
        allowed = map(min, self.per_cell, map(max, left, RESERVED))
        return Amounts(*allowed).plus(self._cell, -1)

    def _make_room(self, outputs: list[Any]) -> None:
        """Leave out the oldest of a cell's last outputs, with a note in its place."""
        at = max(0, len(outputs) - LAST_OUTPUTS)
        while outputs[at]["output_type"] == "stream":
            at += 1
        removed = outputs.pop(at)
        self._cell = self._cell.plus(weigh(removed["data"]), -1)
        removed.clear()
        if self._crowd is None:
            note = {"output_type": "display_data", "metadata": {}, "data": {}}
            self._crowd = Crowd(_node(note))
            outputs.insert(at, self._crowd.note)
        self._crowd.count += 1
        said = f"{self._crowd.count:,} outputs are left out here"
        self._crowd.note["data"][PLAIN] = noted(said, self.remedy)

    def _fit(self, data: object) -> tuple[dict[str, Any], Amounts]:
        """Return as much of an output's data as the cell may still display."""
        valid = valid_data(data)
        left = self._left()._replace(outputs=1)
        if (amounts := weigh(valid)).within(left):
            return valid, amounts
        fitted: dict[str, Any] = {}
        notes = []
        # The lightest first: the text that stands for an image that is left out.
        for kind in sorted(valid, key=lambda one: sum(weigh({one: valid[one]}))):
            room = left.plus(weigh(fitted), -1)._replace(outputs=1)
            one, note = self._fit_one(kind, valid[kind], room)
            fitted |= {} if one is None else {kind: one}
            notes += [note] * bool(note)
        if notes:
            plain = _as_text(fitted.get(PLAIN, ""))
            fitted[PLAIN] = "\n".join(filter(None, [plain, *notes]))
        return fitted, weigh(fitted)

    def _fit_one(self, kind: str, value: Any, room: Amounts) -> tuple[Any, str]:
        """Return the part of one representation that has room, and what is missing."""
        if JSON.fullmatch(kind):
            # It may be what the notebook returns.
            room = room.plus(RESERVED)
        if weigh({kind: value}).within(room):
            return value, ""
        text = _as_text(value)
        if kind == "text/html" and (
            rows := first_rows(text, int(room.markup), self.remedy)
        ):
            return rows, ""
        if kind == PLAIN:
            return self._shorten(text, max(0, room.text)), ""
        size = f"{len(text) / 1e6:.1f} MB" if len(text) >= 1e5 else f"{len(text)} bytes"
        return None, noted(f"{kind} of {size} is left out", self.remedy)

    def _shorten(self, text: str, limit: float) -> str:
        return shorten(text, limit, self.is_clean, self.remedy)


@dataclass
class Crowd:
    """The outputs of a cell that displays too many, and the note in their place."""

    note: Any
    count: int = 0


def _node(content: Mapping[str, Any]) -> Any:
    """Make an output of nbformat's, which only programs that execute have."""
    import nbformat

    return nbformat.from_dict(content)  # type: ignore[no-untyped-call]


def shown_in_short(output: Mapping[str, Any]) -> dict[str, Any]:
    """Return an output without what takes long to archive: what it returned is left."""
    data = valid_data(output.get("data", {}))
    kept = {kind: one for kind, one in data.items() if JSON.fullmatch(kind)}
    note = "[left out: the time was up before it was archived]"
    kind = {"output_type": "display_data", "metadata": {}}
    return {**kind, "data": {**kept, PLAIN: note}}


def weigh(data: Mapping[str, Any]) -> Amounts:
    """Return what an output's data takes of each kind."""
    text = markup = media = 0
    for kind, value in data.items():
        content = _as_text(value)
        if kind in MARKUP:
            # Scripts and embedded images are not read as markup.
            embedded = _embedded(content)
            markup, media = markup + len(content) - embedded, media + embedded
        elif kind.startswith(TEXT):
            text += len(content)
        else:
            media += len(content)
    return Amounts(text, markup, media, 1)


def _as_text(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return "".join(value)
    return value if isinstance(value, str) else json.dumps(value)


def _embedded(html: str) -> int:
    """Count the characters of scripts and of embedded files."""
    found, at = [], 0
    while (start := html.find("<script", at)) >= 0:
        at = html.find("</script>", start)
        if at < 0:
            break
        found.append((start, at))
    places = [0, *(place for pair in found for place in pair), len(html)]
    outside = "".join(html[a:b] for a, b in [*pairwise(places)][::2])
    scripts = sum(end - start for start, end in found)
    return scripts + sum(len(one) for one in DATA_URI.findall(outside))


def noted(said: str, remedy: str) -> str:
    """Return the note that stands for what is left out."""
    return f"[{said}: {remedy}]" if remedy else f"[{said}]"


def first_rows(html: str, room: int, remedy: str = "") -> str:
    """Return the first rows of a long table with a note below; "" if it is none."""
    ends = [found.end() for found in re.finditer("</tr>", html)]
    rows, kept = len(ends), min(bisect_right(ends, room), MAX_ROWS)
    if kept < 2 or "<script" in html:
        return ""
    note = noted(f"{rows - kept:,} of {rows:,} rows are left out", remedy)
    return f"{html[: ends[kept - 1]]}</tbody></table><p>{note}</p>"


@dataclass
class Ends:
    """The beginning and the end of a text that is added piece by piece."""

    half: float  # so much of each is kept
    is_clean: IsClean
    remedy: str = ""
    size: int = 0  # that is kept
    left_out: int = 0
    lines_left_out: int = 0
    _head: list[str] = field(default_factory=list)
    _tail: deque[str] = field(default_factory=deque)
    _head_size: int = 0
    _after_head: str = ""
    _before_tail: str = ""

    def add(self, text: str) -> None:
        """Add a piece of the text."""
        for start in range(0, len(text), EDGE):
            piece = text[start : start + EDGE]
            self.size += len(piece)
            if not self._tail and self._head_size + len(piece) <= self.half:
                _append(self._head, piece)
                self._head_size += len(piece)
            else:
                _append(self._tail, piece)
            while self._tail and self._tail_size() - len(self._tail[0]) >= self.half:
                self._leave_out(self._tail.popleft())

    def text(self) -> str:
        """Return the text, with a note where it lacks something."""
        head, tail = "".join(self._head), "".join(self._tail)
        if not self.left_out:
            return head + tail
        begins = self._clean_head(head)
        # What is true of a head is true of the tail backwards.
        ends = self._clean_tail(tail)
        missing = self.left_out + len(head) - len(begins) + len(tail) - len(ends)
        lines = f" in {self.lines_left_out:,} lines" * (self.lines_left_out > 1)
        note = noted(f"{missing:,} characters{lines} are left out here", self.remedy)
        return f"{begins}\n{note}\n{ends}"

    def _tail_size(self) -> int:
        return self.size - self._head_size

    def _leave_out(self, piece: str) -> None:
        self.size -= len(piece)
        self.left_out += len(piece)
        self.lines_left_out += piece.count("\n")
        self._after_head += piece if len(self._after_head) < EDGE else ""
        self._before_tail = (self._before_tail + piece)[-EDGE:]

    def _clean_head(self, head: str) -> str:
        """Cut the head after a line, where it does not cut a secret."""
        end = head.rfind("\n", max(0, len(head) - EDGE)) + 1 or len(head)
        while end > 0 and not self.is_clean(
            (head[max(0, end - EDGE) :] + self._after_head)[: 2 * EDGE]
        ):
            end = max(0, end - EDGE)
        return head[:end].removesuffix("\n")

    def _clean_tail(self, tail: str) -> str:
        """Cut the tail before a line, where it does not cut a secret."""
        start = tail.find("\n", 0, EDGE) + 1
        while start < len(tail) and not self.is_clean(
            (self._before_tail + tail[: start + EDGE])[-2 * EDGE :]
        ):
            start = min(len(tail), start + EDGE)
        return tail[start:]


def _append(pieces: list[str] | deque[str], piece: str) -> None:
    """Add a piece; small ones become one."""
    if pieces and len(pieces[-1]) + len(piece) <= EDGE:
        pieces[-1] += piece
    else:
        pieces.append(piece)


def shorten(text: str, limit: float, is_clean: IsClean, remedy: str = "") -> str:
    """Return the beginning and the end of a text that is longer than a limit."""
    if len(text) <= limit:
        return text
    ends = Ends(limit / 2, is_clean, remedy)
    ends.add(text)
    return ends.text()


@dataclass
class Stream:
    """What a cell printed to stdout or stderr, as a terminal would show it."""

    node: Any
    ends: Ends
    _line: list[str] = field(default_factory=list)  # the last one, not ended yet
    _length: int = 0  # of it

    def add(self, text: str) -> None:
        """Add what was printed next."""
        ended, newline, rest = text.rpartition("\n")
        if newline:
            self._end_line(redraw("".join([*self._line, ended, newline])))
        self._line.append(rest)
        self._length += len(rest)
        if "\r" in rest or "\b" in rest:
            self._line[:] = [redraw("".join(self._line))]
            self._length = len(self._line[0])
        if self._length > LONGEST_LINE:
            self._end_line(redraw("".join(self._line)))

    def text(self) -> str:
        """Return what is kept of the text."""
        return self.ends.text() + redraw("".join(self._line))

    def _end_line(self, text: str) -> None:
        """Keep what nothing that is printed later changes."""
        self.ends.add(text)
        self._line.clear()
        self._length = 0


def redraw(text: str) -> str:
    """Return what a terminal shows of lines with carriage returns and backspaces."""
    if "\r" not in text and "\b" not in text:
        return text
    return "\n".join(_redraw_line(line) for line in text.split("\n"))


def _redraw_line(line: str) -> str:
    drawn = line.rstrip("\r")
    # The next text to come will overwrite the line.
    end = "\r" * (len(drawn) < len(line))
    shown: list[str] = []
    for character in drawn.rpartition("\r")[2]:
        if character != "\b":
            shown.append(character)
        elif shown:
            shown.pop()
    return "".join(shown) + end
