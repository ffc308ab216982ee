"""Raw tables are read rightly, or refused with the remedy; never guessed."""

import datetime as dt
import io
import warnings

import pandas as pd
import pytest

from lifecycle.errors import DataError
from lifecycle.tabular.csv_format import CsvFormat, detect_format
from lifecycle.tabular.tables import TableFile, parse_table

SEMICOLONS = "Preis;Stück\n1,5;2\n3,25;4\n".encode()


def parse(content: bytes, **how) -> pd.DataFrame:
    """Parse one file."""
    kept = {name: how.pop(name) for name in ("header", "text") if name in how}
    written = CsvFormat(**how)
    return parse_table([TableFile(name="raw.csv", content=content)], written, **kept)


def parquet(table: pd.DataFrame) -> bytes:
    """Return a table as the content of a Parquet file."""
    content = io.BytesIO()
    table.to_parquet(content)
    return content.getvalue()


def test_a_byte_order_mark_is_no_part_of_the_first_name():
    """Excel begins its UTF-8 files with one."""
    assert list(parse(b"\xef\xbb\xbfa,b\n1,2\n")) == ["a", "b"]


def test_cells_with_line_ends_and_blank_lines_are_fine():
    """A quoted cell may go over lines, and an empty line is no row."""
    table = parse(b'a,b\n"x\ny",1\n\n"z, too",2\n')

    assert table["a"].tolist() == ["x\ny", "z, too"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"a,b\n", "names columns, but holds no rows"),
        (b"country,y\nDE,1,\nFR,2,\n", "row 2 has 3 cells and the first line 2 "),
        (b"country,y\nDE,1,\nFR,2,\n", "rows end in ',': remove it, or add a name"),
        (b"a,b\n1,2\n3\n", "row 3 has 1 cells and the first line 2 ('3'); mend"),
        (b"a,b\n1,2\n1,2,3,4\n", "row 3 has 4 cells and the first line 2"),
        (b"a,b,a\n1,2,3\n", "column 'a' stands 2 times, as column 1 and 3; rename"),
        (b"5.1,3.5\n4.9,3.0\n", "holds numbers ('5.1,3.5') and no names"),
        (SEMICOLONS, 'is separated by semicolons; read_table(..., separator=";")'),
        (b"a\tb\n1\t2\n", r'is separated by tabs; read_table(..., separator="\t")'),
        ("name\nMüller\n".encode("latin-1"), "not UTF-8 in line 2, which reads 'Mü"),
        ("name\nMüller\n".encode("latin-1"), 'read_table(..., encoding="cp1252")'),
        ("a,b\n1,2\n".encode("utf-16"), "is UTF-16; save it as UTF-8, or read_table("),
        (b'a,b\n"1,234",2\n', "holds '1,234', which pandas reads as text; read_table("),
        (b'a,b\n"1,234",2\n', 'thousands="," or decimal=","), or text=["a"] if it is'),
        (b'a,b\n"1,234,567",2\n"1",3\n', 'read_table(..., thousands=",")'),
        (b'a,b\n"1,5",2\n', 'read_table(..., decimal=",")'),
        (b'a,b\n"1.234,5",2\n', 'read_table(..., decimal=",", thousands=".")'),
        (b"a,b\n12 345,2\n1 234 567,2\n", 'read_table(..., thousands=" ")'),
        (b"PK\x03\x04\x14\x00", "is no CSV but a zip archive or an Excel file"),
        (b"\x1f\x8b\x08\x00", "compressed by gzip; unpack it"),
        (b"<!DOCTYPE html><html>", "HTML or XML"),
        (b'{"a": 1}', "JSON"),
        (b"a,b\n1,\x00\n", "bytes that are not text"),
        (b'a,b\n1,"2\n', "not CSV"),
        (b"PAR1 and no more", "not Parquet"),
        ("a\n1\n".encode("utf-32"), "is UTF-32; save it as UTF-8, or read_table("),
        (b"version https://git-lfs.github.com/spec/v1\noid 1\n", "`git lfs pull` gets"),
        (b"\x28\xb5\x2f\xfdabc", "compressed by zstd"),
        (b'[{"a": 1}]', "JSON"),
        (b"sep=;\na;b\n1;2\n", "the first line is Excel's 'sep=;'; leave it out"),
        (b"a b\n1 2\n", "has one column, 'a b', with ' ' in its cells; write it with"),
        (b"a,a \n1,2\n", "column 'a' stands 2 times, as column 1 and 2"),
        ("\u00e9,e\u0301\n1,2\n".encode(), "stands 2 times, as column 1 and 2"),
        (b"5.1,3.5,setosa\n4.9,3.0,setosa\n", "seems to be a row; write names above"),
        (b"M,yes\nF,no\nM,yes\n", "row 3 repeats the first line ('M,yes'); remove it"),
        (b"M,yes\nF,yes\nM,no\n", "the first line ('M,yes') seems to be a row"),
        (b"a,b\n1,2\na,b\n3,4\n", "row 3 repeats the first line ('a,b'); remove it"),
        (
            b'a,b\n"5" pipe,2\nx,4\n',
            "line 2 has a quote inside quotes ('\"5\" pipe,2')",
        ),
        (b'a,b\n"x\\"y",2\n', 'write it twice: ""'),
        (b"zip,b\n01234,1\n9,2\n", "holds '01234', whose zeros would be lost; read_ta"),
        (b"id,b\n9007199254740993,1\n,2\n", "whose last digits would be lost; read_ta"),
        (
            b"id,b\n" + b"9" * 25 + b",1\n2,2\n",
            'would be lost; read_table(..., text=["i',
        ),
        (
            b"land,b\nDE,1\nNA,2\n",
            "holds 'NA', which pandas takes for missing; read_ta",
        ),
        (b"land,b\nDE,1\nNA,2\n", 'missing="NA"), or text=["land"] if it is a word'),
        (b'a,b\n"1.234.567",2\n12,3\n', 'read_table(..., decimal=",", thousands=".")'),
    ],
)
def test_what_would_be_guessed_is_refused(content: bytes, said: str):
    """The message is one line that begins with the file and ends with the remedy."""
    with pytest.raises(DataError) as raised:
        parse(content)

    text = str(raised.value)
    assert said in text
    assert text.startswith("raw.csv: ")
    assert "\n" not in text


@pytest.mark.parametrize(
    ("content", "how", "said"),
    [
        (b"x;b\n1,5;1\n", {"thousands": ","}, "holds '1,5', which has no thousands"),
        (b"x;b\n1.5;1\n", {"thousands": "."}, 'leave thousands="." out, or text=["x"]'),
        (b"x;b\n1.234;1\n12;2\n", {}, 'read_table(..., thousands="."), or decimal="."'),
        (
            b"x;b\n1.5;1\n2,5;2\n",
            {"decimal": ","},
            "holds '1.5', and decimal=\",\" was",
        ),
        (
            "n;b\nMü;1\n".encode(),
            {"encoding": "latin-1"},
            "is UTF-8, which reads 'Mü;1'",
        ),
        (
            b"a;b\n1;2\n3;4\n",
            {"header": False},
            "holds 'a' above numbers, and seems to",
        ),
    ],
)
def test_what_is_said_wrongly_is_refused(content: bytes, how, said: str):
    """The cells show that it is not so."""
    with pytest.raises(DataError) as raised:
        parse(content, separator=";", **how)

    assert said in str(raised.value)


def test_what_may_be_meant_otherwise_is_decided_by_an_argument():
    """Points, zeros, words that pandas takes for missing."""
    thousands = parse(b"x;b\n1.234;1\n12;2\n", separator=";", thousands=".")
    points = parse(b"x;b\n1.234;1\n12;2\n", separator=";", decimal=".")
    words = parse(b"land,n\nDE,1\nNA,2\n,3\n", text=["land"])
    missing = parse(b"land,n\nDE,1\nNA,2\n", missing="NA")
    in_numbers = parse(b"land,n\nDE,NA\nNA,2\n")
    codes = parse(b" zip ,n\n007,1\n", text=["zip"])

    assert thousands["x"].tolist() == [1234, 12]
    assert points["x"].tolist() == [1.234, 12]
    assert words["land"].tolist()[:2] == ["DE", "NA"]
    assert words["land"].isna().tolist() == [False, False, True]
    assert missing["land"].isna().tolist() == [False, True]
    assert in_numbers["land"].isna().tolist() == [False, True]
    assert codes["zip"].tolist() == ["007"]


def test_a_long_cell_is_a_cell():
    """Python's own reader has a limit of 128 kB."""
    content = f"a,b\n{'x' * 200_000},1\n".encode()

    assert detect_format(content) == CsvFormat()
    assert parse(content)["b"].tolist() == [1]


def test_what_is_asked_for_is_read():
    """Separator, decimal mark, thousands, encoding, and columns that stay text."""
    semicolons = parse(SEMICOLONS, separator=";", decimal=",")
    latin = parse("name\nMüller\n".encode("latin-1"), encoding="latin-1")
    thousands = parse(b'a,b\n"1,234",007\n', thousands=",", text=["b"])

    assert semicolons["Preis"].tolist() == [1.5, 3.25]
    assert latin["name"].tolist() == ["Müller"]
    assert thousands.to_dict("list") == {"a": [1234], "b": ["007"]}


def test_a_long_column_has_one_type():
    """pandas' default reads it in parts, and makes one value two of two types."""
    rows = [str(place % 5) for place in range(300_000)]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = parse("\n".join(["code", *rows, "A1", *rows, ""]).encode())

    assert sorted(table["code"].unique()) == ["0", "1", "2", "3", "4", "A1"]


def test_parquet_is_read_with_its_types():
    """Decimals are numbers and dates are times; a named index is a column."""
    day = dt.date(2026, 1, 5)
    raw = pd.DataFrame({"day": [day], "n": [2]}, index=pd.Index(["x"], name="id"))

    table = parse(parquet(raw))

    assert table["id"].tolist() == ["x"]
    assert table["day"].dt.year.tolist() == [2026]


def test_an_index_of_parquet_is_a_column_if_it_holds_data():
    """One that counts the rows holds none."""
    named = pd.DataFrame({"n": [2]}, index=["x"])
    counted = pd.DataFrame({"n": [2, 3]}, index=[7, 9])

    assert parse(parquet(named)).to_dict("list") == {"index": ["x"], "n": [2]}
    assert parse(parquet(counted)).to_dict("list") == {"n": [2, 3]}


def test_the_files_of_a_folder_are_one_table():
    """CSV and Parquet, columns by name; what is text in one file is text in all."""
    files = [
        TableFile(name="a.csv", content=b"x,code\n1,007\n2,8\n"),
        TableFile(name="b.csv", content=b"code,x\nA1,3\n"),
        TableFile(
            name="c.parquet", content=parquet(pd.DataFrame({"x": [4], "code": "z"}))
        ),
    ]

    table = parse_table(files, CsvFormat())

    assert table["x"].tolist() == [1, 2, 3, 4]
    assert table["code"].tolist() == ["007", "8", "A1", "z"]


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (b"x,z\n1,2\n", "b.csv: its columns differ from those of a.csv by 'y', 'z'"),
        (b"x,y\n1,True\n", "column 'y' holds"),
        (b"x,y\n", "b.csv: names columns, but holds no rows"),
    ],
)
def test_files_that_are_not_one_table_are_refused(second: bytes, said: str):
    """The error names the file and the column."""
    files = [
        TableFile(name="a.csv", content=b"x,y\n1,2\n"),
        TableFile(name="b.csv", content=second),
    ]

    with pytest.raises(DataError) as raised:
        parse_table(files, CsvFormat())

    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("content", "arguments"),
    [
        (b"a,b\n1,2\n3,4\n", {}),
        (SEMICOLONS + SEMICOLONS[14:], {"separator": ";", "decimal": ","}),
        (
            b"a;b\n1.234,5;2\n3;4\n5;6\n",
            {"separator": ";", "decimal": ",", "thousands": "."},
        ),
        (b"a\tb\n1\t2\n3\t4\n", {"separator": "\t"}),
        ("ä,b\n1,2\n".encode("latin-1"), {"encoding": "cp1252"}),
        ("ä,b\n1,2\n".encode("utf-16"), {"encoding": "utf-16"}),
        (b'a,b\n"1,234.5",2\n3,4\n', {"thousands": ","}),
    ],
)
def test_how_a_file_is_written_is_detected(content: bytes, arguments: dict[str, str]):
    """What is detected is then said, and confirmed by the strict reader."""
    assert detect_format(content).arguments() == arguments
    parse(content, **arguments)
