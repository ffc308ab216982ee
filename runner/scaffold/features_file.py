"""The features.py of a new model, which its notebook and its endpoint run."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import starmap

from runner.scaffold.cells import LINE, assign_dict, assign_list, quote
from runner.scaffold.prepare import Scaffold, date_parts

OPENING = '''\
"""Features of raw records, in prepare.ipynb and at the endpoint (docs/raw-records.md).

The features of a record may not depend on other records.
"""

import pandas as pd
'''
TRANSFORM = '''

def transform(raw: pd.DataFrame) -> pd.DataFrame:
    """Return the features of each record, in the order of training."""
    columns = [{first}]
{steps}    return pd.concat(columns, axis=1)
'''
FLAGS = """\
flags = raw[list(YES)]
columns.append(flags.eq(pd.Series(YES)).astype(float).where(flags.notna()))
"""
CATEGORIES = """\
columns += [
    raw[name].eq(value).astype(int).rename(f"{name}={value}")
    for name, values in KNOWN.items()
    for value in values
]
"""


def features_text(new: Scaffold, known: Mapping[str, Sequence[object]]) -> str:
    """Return the text of the file.

    Args:
        known: by category the values that get a column, common among training rows.
    """
    return "".join([OPENING, *_constants(new, known), *_calendar(new), _transform(new)])


def _constants(new: Scaffold, known: Mapping[str, Sequence[object]]) -> Iterator[str]:
    if numbers := new.names("number", "marked number"):
        yield f"\n{assign_list('NUMBERS', numbers)}\n"
    if flags := new.of("flag"):
        yield "\n# The answer that becomes 1.\n"
        yield assign_dict("YES", {one.name: one.one for one in flags}) + "\n"
    if new.of("category"):
        yield "\n# What gets a column of its own; another value has 0 in all of them.\n"
        entries = "".join(starmap(_entry, known.items()))
        yield f"KNOWN = {{\n{entries}}}\n"


def _entry(name: str, values: Sequence[object]) -> str:
    """Return a line of KNOWN, or on one line a value, as ruff sets it."""
    items = [quote(one) for one in values]
    line = f"    {quote(name)}: [{', '.join(items)}],\n"
    if len(line) <= LINE + 1:
        return line
    return "".join(
        [f"    {quote(name)}: [\n", *(f"        {one},\n" for one in items), "    ],\n"]
    )


def _calendar(new: Scaffold) -> Iterator[str]:
    if new.of("date"):
        yield "\n\n" + "\n".join(date_parts(new)) + "\n"


def _transform(new: Scaffold) -> str:
    first = "raw[NUMBERS]" if new.names("number", "marked number") else ""
    steps = [
        *([FLAGS] if new.of("flag") else []),
        *(["columns += calendar(raw)\n"] if new.of("date") else []),
        *([CATEGORIES] if new.of("category") else []),
    ]
    return TRANSFORM.format(first=first, steps=textwrap.indent("".join(steps), "    "))
