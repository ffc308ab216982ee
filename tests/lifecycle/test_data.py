"""Raw tables are checked on their way in, and splits written as XGBoost reads them."""

import hashlib

import pandas as pd
import pytest
from embedded_aws.process import EmbeddedAWS

from lifecycle.aws import run_uri
from lifecycle.data import load_prepared, read_split, read_table, split, write_splits
from lifecycle.errors import DataError, StorageError
from lifecycle.s3 import read_bytes, write_bytes
from packages import new_name

TABLE = pd.DataFrame(
    {"label": [0, 0, 0, 1] * 50, "size": range(200), "weight": [0.5] * 200}
)


@pytest.fixture
def uri(aws: EmbeddedAWS) -> str:
    """A raw file's URI."""
    return run_uri(new_name(), "r1", "raw.csv")


def test_named_columns_are_read_in_the_order_asked_for(uri):
    """Other columns are left out."""
    write_bytes(uri, b"a,b,c\n1,2,3\n")

    table = read_table(uri, ["c", "a"])

    assert table.to_dict("records") == [{"c": 3, "a": 1}]


def test_columns_are_named_where_the_file_has_no_header(uri):
    """The first line is data then."""
    write_bytes(uri, b"M,1\nF,2\n")

    table = read_table(uri, ["sex", "rings"], header=False)

    assert table.to_dict("list") == {"sex": ["M", "F"], "rings": [1, 2]}


def test_a_missing_column_is_named(uri):
    """File, column and what there is instead: one line."""
    write_bytes(uri, b"a,b\n1,2\n")

    with pytest.raises(DataError) as raised:
        read_table(uri, ["a", "Churn?"])

    text = str(raised.value)
    assert text.startswith(f"{uri}: column 'Churn?' is missing, it has a, b; ")
    assert "\n" not in text


def test_a_missing_column_is_counted_where_there_is_no_header(uri):
    """Without names the number of columns tells."""
    write_bytes(uri, b"M,1\n")

    with pytest.raises(DataError, match=r"has 2 columns, not 3 \(sex, length, rings\)"):
        read_table(uri, ["sex", "length", "rings"], header=False)


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n1,2,3,4\n", b"\xff\xfe\x00"])
def test_what_is_not_csv_is_an_error(uri, content):
    """An empty, ragged or binary file is named."""
    write_bytes(uri, content)

    with pytest.raises(DataError, match=r"raw\.csv: "):
        read_table(uri, ["a", "b"])


def test_a_raw_file_that_is_not_there_is_an_error(uri):
    """The remedy is the key of model.yaml that names it."""
    with pytest.raises(StorageError, match=r"check `data` in model\.yaml"):
        read_table(uri, ["a"])


def test_splits_are_disjoint_and_complete():
    """Every row is in exactly one split: 70, 15 and 15 %."""
    splits = split(TABLE, TABLE["label"], seed=1)

    assert {name: len(rows) for name, rows in splits.items()} == {
        "train": 140,
        "validation": 30,
        "test": 30,
    }
    assert sorted(pd.concat(splits.values())["size"]) == list(range(200))


def test_each_stratum_is_as_common_in_every_split():
    """A quarter of the rows have label 1, here and there."""
    for rows in split(TABLE, TABLE["label"], seed=1).values():
        assert rows["label"].mean() == pytest.approx(0.25, abs=0.02)


def test_the_seed_decides_the_split():
    """The same seed draws the same rows, another one others."""
    first, again, other = (
        split(TABLE, TABLE["label"], seed=seed)["test"] for seed in (1, 1, 2)
    )

    assert first.equals(again)
    assert not first.equals(other)


def test_splits_are_written_for_xgboost(aws: EmbeddedAWS):
    """Label first, no header, no index, and below the run's own prefix."""
    model = new_name()
    splits = split(TABLE, TABLE["label"], seed=1)

    written = write_splits(model, "r1", splits)

    assert written["test"] == run_uri(model, "r1", "test", "test.csv")
    label, size, weight = (
        read_bytes(written["test"]).decode().splitlines()[0].split(",")
    )
    assert [int(label), int(size), float(weight)] == splits["test"].iloc[0].tolist()
    assert written["rows"] == {"train": 140, "validation": 30, "test": 30}
    assert written["columns"] == ["label", "size", "weight"]


def test_the_sha256_is_that_of_the_rows(aws: EmbeddedAWS):
    """The same rows have the same identity, in whichever run."""
    splits = split(TABLE, TABLE["label"], seed=1)
    first = write_splits(new_name(), "r1", splits)
    again = write_splits(new_name(), "r2", splits)
    content = b"".join(read_bytes(first[n]) for n in ("train", "validation", "test"))

    assert first["data_sha256"] == again["data_sha256"]
    assert first["data_sha256"] == hashlib.sha256(content).hexdigest()


def test_a_split_is_read_as_it_was_written(aws: EmbeddedAWS):
    """Names come back with the rows, where they are given."""
    splits = split(TABLE, TABLE["label"], seed=1)
    written = write_splits(new_name(), "r1", splits)

    named = read_split(written["test"], written["columns"])

    assert named.equals(splits["test"].reset_index(drop=True))
    assert list(read_split(written["test"]).columns) == [0, 1, 2]
    with pytest.raises(DataError, match="has 3 columns, not 2"):
        read_split(written["test"], ["label", "size"])


def test_a_runs_prepared_data_is_found(aws: EmbeddedAWS):
    """Whoever trains in Jupyter need not copy anything from prepare."""
    model = new_name()
    written = write_splits(model, "r1", split(TABLE, TABLE["label"], seed=1))

    assert load_prepared(model, "r1", train="", columns=[]) == written


def test_what_is_given_counts(aws: EmbeddedAWS):
    """A given value replaces the prepared one, and all given ones need none."""
    model = new_name()
    write_splits(model, "r1", split(TABLE, TABLE["label"], seed=1))

    found = load_prepared(model, "r1", train="s3://other/train.csv", columns=[])

    assert found["train"] == "s3://other/train.csv"
    assert found["columns"] == ["label", "size", "weight"]
    assert load_prepared("none", "r1", train="s3://a/b") == {"train": "s3://a/b"}


def test_training_before_preparing_says_so(aws: EmbeddedAWS):
    """One clear error names the notebook to run first."""
    with pytest.raises(StorageError, match="run this model's prepare notebook first"):
        load_prepared(new_name(), "local", train="")
