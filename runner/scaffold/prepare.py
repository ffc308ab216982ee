"""The prepare notebook of a new model, written for one table.

Text leads and code follows; what was decided about a column stands in its cells, for a
person to change.
"""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lifecycle.tabular.csv_format import CsvFormat
from runner.scaffold.cells import (
    Cell,
    assign_dict,
    assign_list,
    call,
    code,
    markdown,
    name_in_text,
    quote,
)
from runner.scaffold.columns import COMMON, MAX_CATEGORIES, Column
from runner.scaffold.label import Label

# Longer lists of columns are found by what they hold instead.
MAX_NAMES = 20
HELD_OUT = 0.30
TASK_WORDS = {
    "regression": "a number",
    "binary": "yes or no",
    "multiclass": "one of several classes",
}
# What the parts of a date are called in the table.
PARTS = {
    "year": "year",
    "month": "month",
    "day_of_week": "weekday",
    "hour": "hour",
}


@dataclass(frozen=True, kw_only=True)
class Scaffold:
    """All that is known of a new model before its files are written.

    Attributes:
        file: what the table's file is called in the bucket.
        time: the column by which rows are split; "" if a hash of each row decides.
        salt: of that hash.
        text: columns that stay text.
        raw: whether the endpoint takes raw records, and features.py encodes them.
    """

    model: str
    file: str
    label: Label
    columns: Sequence[Column]
    written: CsvFormat
    rows: int
    time: str = ""
    salt: str = "1"
    text: Sequence[str] = ()
    raw: bool = False

    def of(self, *kinds: str) -> list[Column]:
        """Return the columns of some kinds."""
        return [one for one in self.columns if one.kind in kinds]

    def names(self, *kinds: str) -> list[str]:
        """Return the names of the columns of some kinds."""
        return [one.name for one in self.of(*kinds)]


def prepare_cells(new: Scaffold) -> list[Cell]:
    """Return the cells of the notebook in their order."""
    return [
        *_opening(new),
        *_reading(new),
        *_cleaning(new),
        *(_transforming(new) if new.raw else _encoding(new)),
        *_splitting(new),
        *(() if new.raw else _one_hot(new)),
        *_writing(new),
    ]


def _opening(new: Scaffold) -> Iterator[Cell]:
    what = TASK_WORDS[new.label.task]
    yield markdown(
        "title",
        f"# {title_of(new.model)}: from `{new.file}` to training data",
        "",
        f"**In:** the table `{new.file}` in S3, with {name_in_text(new.label.name)}, "
        f"{what}, to be predicted.  ",
        "**Out:** training, validation and test rows in S3, as SageMaker's XGBoost "
        "reads them.  ",
        "**Decide:** is each column known at the time of the prediction, and are the "
        "three splits alike?",
    )
    yield parameters_cell(
        new.model, new.file, new.label.name, salt="" if new.time else new.salt
    )
    split = "split_in_time" if new.time else "split"
    yield code(
        "imports",
        "import pandas as pd",
        *(["from features import transform"] if new.raw else []),
        "from IPython.display import JSON",
        "",
        "from lifecycle import plots",
        f"from lifecycle.data import read_table, {split}, write_splits",
    )


def parameters_cell(model: str, file: str, label: str, *, salt: str) -> Cell:
    """Return the parameters cell of a prepare notebook."""
    lines = [
        f"model: str = {quote(model)}  # the model, as its folder is called",
        f"data: str = {quote(file)}  # the raw table, put there by `runner upload`",
        f"label: str = {quote(label)}  # the column to predict",
        *(
            [f"salt: str = {quote(salt)}  # another one draws other splits"]
            if salt
            else []
        ),
        "run: dict = {}  # filled in by the runner: lineage, results of earlier stages",
    ]
    return code("parameters", *lines, tag="parameters")


def _reading(new: Scaffold) -> Iterator[Cell]:
    groups = {
        "NUMBERS": new.names("number", "marked number"),
        "FLAGS": new.names("flag"),
        "CATEGORIES": new.names("category"),
        "DATES": new.names("date"),
    }
    groups = {name: names for name, names in groups.items() if names}
    how_written = new.written.arguments().items()
    arguments = [f"{name}={quote(value)}" for name, value in how_written]
    if new.text:
        arguments.append(f"text=[{', '.join(map(quote, new.text))}]")
    how = _described(new)
    wide = [name for name, names in groups.items() if len(names) > MAX_NAMES]
    if not wide:
        lists = [assign_list(name, names) for name, names in groups.items()]
        wanted = ", ".join(f"*{name}" for name in groups)
        if sum(text.count("\n") + 1 for text in lists) <= MAX_NAMES:
            read = call(
                "raw = read_table",
                ["data", f"[label, {wanted}]", "model=model", *arguments],
            )
            lead = "A file without one of these columns ends the run at this point"
            yield markdown("raw-text", *how, f"{lead}:")
            yield code("raw", *lists, "", read, "raw.head()")
            return
    yield markdown("raw-text", *how, "The whole file is read:")
    yield from _wide_reading(new, groups, arguments)


def _wide_reading(
    new: Scaffold, groups: dict[str, list[str]], arguments: list[str]
) -> Iterator[Cell]:
    """Read a table whose columns are too many to be listed in one cell each."""
    read = call("raw = read_table", ["data", "model=model", *arguments])
    yield code("raw", read, "raw.head()")
    widest = max(groups, key=lambda name: len(groups[name]))
    left_out = new.names("left out")
    listed = {name: names for name, names in groups.items() if name != widest}
    if left_out:
        listed = {"LEFT_OUT": left_out} | listed
    for name, names in listed.items():
        for start in range(0, len(names), MAX_NAMES):
            part = names[start : start + MAX_NAMES]
            words = "They are" if start == 0 else "And"
            what = name.lower().replace("_", " ")
            place = f"{name.lower().replace('_', '-')}-{start}"
            yield markdown(f"{place}-text", f"{words} {what}:")
            operator = "=" if start == 0 else "+="
            yield code(place, assign_list(name, part, operator))
    known = "".join(f", *{name}" for name in listed)
    others = f"name not in [label{known}]" if known else "name != label"
    count = len(groups[widest])
    yield markdown(
        "widest-text",
        f"{'The other' if listed else 'Without the label,'} {count:,} columns are "
        f"{widest.lower()}; one more or less ends the run at this point:",
    )
    yield code(
        "widest",
        f"{widest} = [name for name in raw if {others}]",
        "",
        f"assert len({widest}) == {count}, len({widest})",
    )


def _described(new: Scaffold) -> list[str]:
    """Say what the columns hold, and which are left out for which reason."""
    lines = ["## What is in the table?", ""]
    if said := new.written.arguments():
        words = ", ".join(f"{name} {value!r}" for name, value in said.items())
        lines.append(f"It is written with {words}, which the call says.")
    left_out = new.of("left out")
    if not left_out:
        return lines
    lines += ["These columns are left out:", "", "| column | why |", "|---|---|"]
    shown = left_out[:MAX_NAMES]
    lines += [f"| {name_in_text(one.name)} | {one.why} |" for one in shown]
    if more := len(left_out) - len(shown):
        lines.append(f"| {more} more | for similar reasons |")
    return [*lines, ""]


def _cleaning(new: Scaffold) -> Iterator[Cell]:
    missing = [one for one in new.columns if one.missing and one.kind != "left out"]
    said = (
        "A missing cell stays missing: at each split XGBoost learns where such rows go."
        if missing
        else "No other cell is missing now. If one is later, it stays missing: at each "
        "split XGBoost learns where such rows go."
    )
    yield markdown(
        "clean-text",
        "## Which rows are left out?",
        "",
        "A row without a label can neither train nor test a model.",
        *([f"Neither can one without {name_in_text(new.time)}."] if new.time else []),
        said,
        "Each column, with its missing cells and an example:",
    )
    lines = []
    if new.label.is_text:
        number = 'pd.to_numeric(raw[label], errors="coerce")'
        lines = [f"numeric = raw.assign(**{{label: {number}}})"]
    time = f", {quote(new.time)}" if new.time else ""
    source = "numeric" if lines else "raw"
    yield code(
        "clean",
        *lines,
        f"clean = {source}.dropna(subset=[label{time}])",
        'print(f"{len(raw) - len(clean)} of {len(raw)} rows are left out")',
        "",
        "pd.DataFrame(",
        '    {"missing": clean.isna().sum(), "values": clean.nunique(), '
        '"example": clean.iloc[0]}',
        ")",
    )


def _encoding(new: Scaffold) -> Iterator[Cell]:
    lead = ["## What does XGBoost get?", "", *_encoding_text(new)]
    lines: list[str] = []
    parts = ["clean[[label]]"]
    if new.label.classes:
        yield from _numbering(new.label)
        parts = ["answer"]
    if new.label.one is not None:
        positive = quote(new.label.one)
        lines.append(f"answer = clean[label].eq({positive}).astype(int)")
        parts = ["answer"]
    marked = new.names("marked number")
    if "NUMBERS" in _groups(new):
        parts.append("clean[NUMBERS]")
    if marked:
        parts[-1] = "numbers"
        lines += [
            'numbers = clean[NUMBERS].apply(pd.to_numeric, errors="coerce")',
        ]
    if flags := new.of("flag"):
        lines.append(assign_dict("YES", {one.name: one.one for one in flags}))
        lines.append(
            "flags = clean[FLAGS].eq(pd.Series(YES)).astype(float)"
            ".where(clean[FLAGS].notna())"
        )
        parts.append("flags")
    if new.of("date"):
        yield markdown("dates-text", *lead, *_dates_text(new))
        yield code("calendar", *date_parts(new))
        lead = ["Each date is now a few numbers, and all columns are put together:"]
        parts.append("*calendar(clean)")
    if new.of("category"):
        parts.append("clean[CATEGORIES]")
    yield markdown("table-text", *lead)
    yield code(
        "table",
        *lines,
        call("table = pd.concat", [f"[{', '.join(parts)}]", "axis=1"]),
        "table.head()",
    )


def _transforming(new: Scaffold) -> Iterator[Cell]:
    """Yield the cells that leave the encoding to features.py."""
    label, lines, part = new.label, [], "clean[[label]]"
    if label.classes:
        yield from _numbering(label)
        part = "answer"
    if label.one is not None:
        lines.append(f"answer = clean[label].eq({quote(label.one)}).astype(int)")
        part = "answer"
    groups = ["NUMBERS"] * bool(new.of("number", "marked number"))
    groups += ["FLAGS"] * bool(new.of("flag"))
    groups += ["CATEGORIES"] * bool(new.of("category"))
    groups += ["DATES"] * bool(new.of("date"))
    chosen = f"clean[[{', '.join(f'*{name}' for name in groups)}]]"
    lines.append(f"records = {chosen}")
    if new.of("marked number"):
        # Clients send a number, or none.
        lines[-1:] = [
            'numbers = clean[NUMBERS].apply(pd.to_numeric, errors="coerce")',
            f"records = {chosen}.assign(**numbers)",
        ]
    said = _label_text(new)
    yield markdown(
        "table-text",
        "## What does XGBoost get?",
        "",
        *said,
        "A client sends records like these, and `features.py` makes the features of "
        "them, here and at the endpoint:",
    )
    table = f"table = pd.concat([{part}, transform(records)], axis=1)"
    yield code("table", *lines, table, "records.head()")


def _numbering(label: Label) -> Iterator[Cell]:
    """Yield the cells that number the classes of a label."""
    yield markdown(
        "classes-text",
        "## Which classes are there?",
        "",
        "XGBoost predicts a probability for each of them, in this order. A row of "
        "another class ends the run at this point:",
    )
    yield code(
        "classes",
        assign_list("CLASSES", label.classes),
        "",
        "numbers_of = {name: number for number, name in enumerate(CLASSES)}",
        "answer = clean[label].map(numbers_of)",
        "",
        "unknown = sorted(set(clean[label]) - set(CLASSES), key=str)",
        'assert not unknown, f"{label}: not in CLASSES: {unknown}"',
    )


def _groups(new: Scaffold) -> list[str]:
    kinds = {"NUMBERS": ("number", "marked number"), "FLAGS": ("flag",)}
    return [name for name, these in kinds.items() if new.names(*these)]


def _encoding_text(new: Scaffold) -> list[str]:
    """Say how each kind of column becomes a number."""
    lines = _label_text(new)
    if new.of("flag"):
        lines.append("An answer is 1 or 0, by what `YES` says.")
    if new.of("date"):
        return lines
    stay = "Numbers stay as they are, and the" if new.names("number") else "The"
    return [*lines, f"{stay} label comes first:"]


def _label_text(new: Scaffold) -> list[str]:
    """Say what the label becomes, and which words stand for no number."""
    lines, label = [], new.label
    if label.one is not None:
        lines.append(
            f"{name_in_text(label.name)} is 1 where it is {quote(label.one)} and 0 "
            "elsewhere."
        )
    return lines + [
        f"{name_in_text(one.name)} is a number, but {_and(one.marks)} in some rows, "
        "which is taken as missing."
        for one in new.of("marked number")
        if one.marks
    ]


def _and(words: Sequence[str]) -> str:
    return " or ".join(f"`{one}`" for one in words)


def _dates_text(new: Scaffold) -> list[str]:
    unsure = [one for one in new.of("date") if one.why]
    lines = [
        f"{name_in_text(one.name)}: {one.why}; correct `format` if that is wrong."
        for one in unsure
    ]
    return [*lines, "A tree can use the parts of a date:"]


def date_parts(new: Scaffold) -> list[str]:
    """Return the lines of a function that yields the parts of all dates."""
    lines = ["def calendar(rows):", '    """Return the parts of all dates."""']
    for one in new.of("date"):
        arguments = _date_arguments(one, "rows")
        lines.append(
            textwrap.indent(call("when = pd.to_datetime", arguments, 4), "    ")
        )
        for part in one.parts:
            name = quote(f"{one.name} {PARTS[part]}")
            lines.append(f"    yield when.dt.{part}.rename({name})")
    return lines


def _date_arguments(column: Column, rows: str) -> list[str]:
    """Return the arguments with which pandas reads a date."""
    arguments = [f"{rows}[{quote(column.name)}]"]
    if column.date_format:
        arguments.append(f"format={quote(column.date_format)}")
    if "missing" in column.why:
        arguments.append('errors="coerce"')
    if column.date_format == "ISO8601":
        arguments.append("utc=True")
    return arguments


def _splitting(new: Scaffold) -> Iterator[Cell]:
    share = round(100 * HELD_OUT / 2)
    sizes = (
        f"{100 - 2 * share} % of the rows train, {share} % validate while training, "
        f"and {share} % are kept for the test."
    )
    if new.time:
        name = name_in_text(new.time)
        why = f"They are split by {name}: the oldest train, the newest test, "
        why += "as the model will be used on rows that are newer still."
        text = [sizes, why, "Rows of the same time stay together:"]
    else:
        why = "A hash of its raw values decides in which split a row is. So it stays "
        why += "there when the table grows, or when this notebook makes other features:"
        text = [sizes, why]
    yield markdown("split-text", "## Are the splits alike?", "", *text)
    yield code("split", *_split_code(new))
    yield from _figure(new)


def _split_code(new: Scaffold) -> list[str]:
    held_out = f"held_out={HELD_OUT:.2f}"
    check = "assert sum(len(rows) for rows in splits.values()) == len(table)"
    if new.time:
        column = next(one for one in new.columns if one.name == new.time)
        lines = [f"when = clean[{quote(new.time)}]"]
        if column.kind == "date":
            lines = [call("when = pd.to_datetime", _date_arguments(column, "clean"))]
        split = call("splits = split_in_time", ["table", "by=when", held_out])
        return [*lines, split, "", check]
    split = call("splits = split", ["table", "key=clean", "salt=salt", held_out])
    return [split, "", check]


def _figure(new: Scaffold) -> Iterator[Cell]:
    if new.label.task != "regression":
        yield markdown("label-text", "The label in each of them:")
        given = "splits, label, CLASSES" if new.label.classes else "splits, label"
        yield code("label", f"plots.label_distribution({given});", shows=True)
        see = "If the bars of each value have about the same height, what holds on the "
        see += "test rows holds for the others as well."
    else:
        # What stands between two dollars would be set as a formula.
        is_plain = "$" not in new.label.name
        title = 'f"{label} by split"' if is_plain else '"The label by split"'
        unit = "label" if is_plain else '"label"'
        yield markdown("label-text", "How the label is distributed in each of them:")
        yield code(
            "label",
            "ends = (table[label].min(), table[label].max())",
            'look = {"bins": 20, "range": ends, "density": True, "histtype": "step"}',
            "",
            "ax = plots.axes()",
            "looks = zip(splits, plots.COLOURS, plots.LINES, strict=False)",
            "for name, colour, line in looks:",
            '    own = {"color": colour, "linestyle": line, "label": name}',
            "    ax.hist(splits[name][label], **look, **own)",
            f'ax.set(title={title}, xlabel={unit}, ylabel="density")',
            "ax.legend();",
            shows=True,
        )
        see = "If the three outlines have about the same shape, what holds on the test "
        see += "rows holds for the others as well."
    if new.time:
        see = "Where the splits differ, the data has changed with time, and the test "
        see += "rows show how the model copes with that."
    yield markdown("label-see", see)


def _one_hot(new: Scaffold) -> Iterator[Cell]:
    if not new.of("category"):
        return
    yield markdown(
        "common-text",
        "## Which categories get a column?",
        "",
        "The values of a category have no order, so each gets a column of 1 and 0.",
        "Which ones is decided by the training rows alone, so that later rows change "
        f"nothing: what {100 * COMMON:g} % of them have, and at most {MAX_CATEGORIES}:",
    )
    yield code(
        "common",
        "def common(values):",
        '    """Return the values that are common among the training rows."""',
        "    shares = values.value_counts(normalize=True)",
        f"    return sorted(shares[shares >= {COMMON:g}].index[:{MAX_CATEGORIES}])",
        "",
        "",
        'train = splits["train"]',
        "known = {name: common(train[name].dropna()) for name in CATEGORIES}",
        'pd.Series(known, name="values").to_frame()',
    )
    yield markdown(
        "encode-text",
        "A row with another value, or with none, has 0 in all of them:",
    )
    yield code(
        "encode",
        "def encode(rows):",
        '    """Return the rows with a column of 1 and 0 for each known value."""',
        "    columns = [",
        '        rows[name].eq(value).astype(int).rename(f"{name}={value}")',
        "        for name, values in known.items()",
        "        for value in values",
        "    ]",
        "    return pd.concat([rows.drop(columns=CATEGORIES), *columns], axis=1)",
        "",
        "",
        "encoded = {name: encode(rows) for name, rows in splits.items()}",
        'encoded["train"].head()',
    )


def _writing(new: Scaffold) -> Iterator[Cell]:
    splits = "encoded" if new.of("category") and not new.raw else "splits"
    yield from end_cells(splits, has_classes=bool(new.label.classes), raw=new.raw)


def end_cells(
    splits: str = "splits", *, has_classes: bool = False, raw: bool = False
) -> Iterator[Cell]:
    """Yield the cells that write the splits and return what was written."""
    given = ["model", "run", splits, "label=label"]
    given += ["classes=CLASSES"] * has_classes
    given += ["raw=records", "transform=transform"] * raw
    yield markdown(
        "write-text",
        "## Where is it written?",
        "",
        "Each cell is checked: XGBoost would read text as some number.",
        "No run overwrites another one, and the sha256 says which rows a model was "
        "trained on:",
    )
    yield code(
        "write",
        call("written = write_splits", given),
        'print(*written["notes"] or ["nothing to note"], sep="\\n")',
        'written["rows"]',
        shows=True,
    )
    yield markdown("results-text", "What training needs to know:")
    yield code("results", "JSON(written)", tag="results", shows=True)


def title_of(model: str) -> str:
    """Return a model's name as words."""
    return model.replace("-", " ").capitalize()
