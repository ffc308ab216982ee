"""docs/reliability.md, written from what was measured."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from embedded_aws import faults
from story.reliability.measure import Measured

PATH = Path(__file__).parents[3] / "docs" / "reliability.md"
TEMPLATE = Path(__file__).with_name("template.md")
TABLES = (
    ("Training and registering, while version 1 is live", "--stage prepare"),
    ("Deploying an approved version", "--stage deploy"),
    ("Going back to version 1 from version 2", "rollback"),
)
HEADER = (
    "what goes wrong",
    "exit",
    "what is said",
    "live before",
    "live after",
    "left behind",
    "evidence",
    "run again",
)


def write(rows: Sequence[Measured]) -> None:
    """Write the document anew."""
    kinds, rest = parts()
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, content in (
        ("%TABLES%", "\n".join(tables(rows))),
        ("%KINDS%", kinds),
        ("%REST%", rest),
    ):
        text = text.replace(name, content)
    PATH.write_text(text, encoding="utf-8")


def parts() -> tuple[str, str]:
    """Give the table of the faults' kinds, and what is said after it."""
    _, kinds, *rest = (faults.__doc__ or "").strip().split("\n\n")
    return kinds, " ".join(" ".join(rest).split())


def tables(rows: Sequence[Measured]) -> Iterable[str]:
    """Write a table for each kind of command."""
    for title, sign in TABLES:
        chosen = [row for row in rows if sign in row.command]
        command = min((row.command for row in chosen), key=len)
        yield from (f"## {title}", "", f"`python -m {command}`", "")
        yield from (line(HEADER), line(["---"] * len(HEADER)))
        yield from (as_line(row) for row in chosen)
        yield ""


def as_line(row: Measured) -> str:
    """Write one row as a line of its table."""
    return line(
        (
            row.name,
            str(row.code),
            said(row.message),
            row.before,
            row.after,
            row.left,
            row.evidence,
            f"{row.again}, {row.finally_live}",
        )
    )


def said(message: str) -> str:
    """Write what was said so that a table takes it, and nothing of it is markup."""
    escaped = message.replace("|", r"\|").replace("`", "'")
    return "<br>".join(f"`{one}`" for one in escaped.splitlines())


def line(cells: Sequence[str]) -> str:
    """Write a line of a table."""
    return f"| {' | '.join(cells)} |"
