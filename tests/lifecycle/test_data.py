"""Raw tables are read and checked, and splits written as XGBoost reads them."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest
from embedded_aws.process import EmbeddedAWS
from model_packages import new_name

from lifecycle.aws import run_uri
from lifecycle.data import (
    MAX_VALUES,
    data_version,
    load_prepared,
    raw_uri,
    read_split,
    read_table,
    split,
    split_in_time,
    summarise,
    write_splits,
)
from lifecycle.errors import DataError, StorageError
from lifecycle.s3 import read_bytes, read_json, write_bytes

TABLE = pd.DataFrame(
    {"label": [0, 0, 0, 1] * 50, "size": range(200), "weight": [0.5] * 200}
)


@pytest.fixture
def uri(aws: EmbeddedAWS) -> str:
    """The URI of a raw file."""
    return run_uri(new_name(), "r1", "raw.csv")


def split_table(seed: int = 1) -> dict[str, pd.DataFrame]:
    """Split the table, 30 % of it held out."""
    return split(TABLE, stratify=TABLE["label"], seed=seed, held_out=0.3)


def test_named_columns_are_read_in_the_order_asked_for(uri):
    """Other columns are left out."""
    write_bytes(uri, b"a,b,c\n1,2,3\n")

    table = read_table(uri, ["c", "a"])

    assert table.to_dict("records") == [{"c": 3, "a": 1}]


def test_the_columns_of_a_file_without_header_are_named(uri):
    """The first line is data then."""
    write_bytes(uri, b"M,1\nF,2\n")

    table = read_table(uri, ["sex", "rings"], header=False)

    assert table.to_dict("list") == {"sex": ["M", "F"], "rings": [1, 2]}


def test_a_missing_column_is_named(uri):
    """The error names file, column and the columns there are, on one line."""
    write_bytes(uri, b"a,b\n1,2\n")

    with pytest.raises(DataError) as raised:
        read_table(uri, ["a", "Churn?"])

    text = str(raised.value)
    assert text.startswith(f"{uri}: column 'Churn?' is missing, it has a, b; ")
    assert "\n" not in text


def test_a_file_without_header_must_have_as_many_columns(uri):
    """Without names only their number can be checked."""
    write_bytes(uri, b"M,1\n")

    with pytest.raises(DataError, match=r"has 2 columns, not 3 \(sex, length, rings\)"):
        read_table(uri, ["sex", "length", "rings"], header=False)


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n1,2,3,4\n", b"\xff\xfe\x00"])
def test_a_file_that_is_not_csv_is_an_error(uri, content):
    """The error names an empty, ragged or binary file."""
    write_bytes(uri, content)

    with pytest.raises(DataError, match=r"raw\.csv: "):
        read_table(uri, ["a", "b"])


def test_a_missing_raw_file_is_an_error(uri):
    """The remedy is the key of model.yaml that names the file."""
    with pytest.raises(StorageError, match=r"check `data` in model\.yaml"):
        read_table(uri, ["a"])


def test_a_file_is_read_as_the_notebook_says(uri):
    """Separator, decimal mark and encoding are arguments; all columns by default."""
    write_bytes(uri, "Preis;Stück\n1,5;2\n".encode("cp1252"))

    table = read_table(uri, separator=";", decimal=",", encoding="cp1252")

    assert table.to_dict("list") == {"Preis": [1.5], "Stück": [2]}


def test_a_folder_that_stands_for_a_column_is_refused(uri):
    """The value in its name would be lost."""
    write_bytes(f"{uri}/year=2024/part.csv", b"a,b\n1,2\n")

    with pytest.raises(DataError, match=r"year=2024/part\.csv: is in a folder that"):
        read_table(f"{uri}/")


def test_raw_data_is_in_the_project_s_bucket_unless_it_is_a_uri(aws: EmbeddedAWS):
    """Its file alone is below the model's name, which has to be known."""
    assert raw_uri("", "s3://b/k.csv") == "s3://b/k.csv"
    assert raw_uri("toy", "k.csv") == "s3://" + run_uri("toy", "r").split("/")[2] + (
        "/toy/raw/k.csv"
    )
    with pytest.raises(DataError, match=r"read_table\(data, \.\.\., model=model\)"):
        read_table("k.csv", ["a"])


def test_raw_data_has_another_version_when_any_file_changes(aws: EmbeddedAWS):
    """A file by itself, or the files of a folder; none if nothing is there."""
    model, versions = new_name(), set()
    for content in (b"a\n1\n", b"a\n2\n"):
        write_bytes(raw_uri(model, "one.csv"), content)
        write_bytes(raw_uri(model, "many/1.csv"), content)
        versions |= {data_version(model, one) for one in ("one.csv", "many/", "many")}

    assert len(versions) == 4
    assert data_version(model, "none.csv") == ""


def test_the_newest_rows_test():
    """Rows of one time stay together, and a row without a time is refused."""
    days = pd.Series([*range(10)] * 20)

    splits = split_in_time(TABLE, by=days, held_out=0.3)

    parts = {name: sorted(set(days[rows.index])) for name, rows in splits.items()}
    assert parts == {"train": [*range(7)], "validation": [7], "test": [8, 9]}
    with pytest.raises(DataError, match="1 rows have no time to split by"):
        split_in_time(TABLE, by=[None, *days[1:]], held_out=0.3)


def test_splits_are_disjoint_and_complete():
    """Every row is in exactly one split; half of those held out validate."""
    splits = split_table()

    assert {name: len(rows) for name, rows in splits.items()} == {
        "train": 140,
        "validation": 30,
        "test": 30,
    }
    assert sorted(pd.concat(splits.values())["size"]) == list(range(200))


def test_the_share_that_is_held_out_is_the_notebooks_choice():
    """Half of the held-out rows validate and half test."""
    splits = split(TABLE, stratify=TABLE["label"], seed=1, held_out=0.5)

    assert [len(rows) for rows in splits.values()] == [100, 50, 50]


def test_each_stratum_is_as_common_in_every_split():
    """A quarter of the rows have label 1, in each split too."""
    for rows in split_table().values():
        assert rows["label"].mean() == pytest.approx(0.25, abs=0.02)


def test_the_seed_decides_the_split():
    """The same seed draws the same rows, another one others."""
    first, again, other = (split_table(seed)["test"] for seed in (1, 1, 2))

    assert first.equals(again)
    assert not first.equals(other)


def test_splits_are_written_for_xgboost(aws: EmbeddedAWS):
    """Label first, no header, no index, and below the run's own prefix."""
    model, splits = new_name(), split_table()

    written = write_splits(model, {"run_id": "r1"}, splits)

    assert written["test"] == run_uri(model, "r1", "test", "test.csv")
    first = read_bytes(written["test"]).decode().splitlines()[0].split(",")
    assert [float(cell) for cell in first] == splits["test"].iloc[0].tolist()
    assert written["rows"] == {"train": 140, "validation": 30, "test": 30}
    assert written["columns"] == ["label", "size", "weight"]


def test_the_sha256_is_that_of_the_rows(aws: EmbeddedAWS):
    """The same rows have the same sha256 in every run."""
    splits = split_table()
    first = write_splits(new_name(), {"run_id": "r1"}, splits)
    again = write_splits(new_name(), {"run_id": "r2"}, splits)
    content = b"".join(read_bytes(first[n]) for n in ("train", "validation", "test"))

    assert first["data_sha256"] == again["data_sha256"]
    assert first["data_sha256"] == hashlib.sha256(content).hexdigest()


def test_the_training_rows_are_summarised_as_evidence(aws: EmbeddedAWS):
    """The review page compares this summary with the live version's."""
    model, splits = new_name(), split_table()

    write_splits(model, {"run_id": "r1"}, splits)

    summary = read_json(run_uri(model, "r1", "evidence", "data-summary.json"))
    assert summary == summarise(splits["train"])


def test_a_split_is_read_as_it_was_written(aws: EmbeddedAWS):
    """Columns are named if names are given, else numbered."""
    splits = split_table()
    written = write_splits(new_name(), {"run_id": "r1"}, splits)

    named = read_split(written["test"], written["columns"])

    assert named.equals(splits["test"].reset_index(drop=True))
    assert list(read_split(written["test"]).columns) == [0, 1, 2]
    with pytest.raises(DataError, match="has 3 columns, not 2"):
        read_split(written["test"], ["label", "size"])


@pytest.mark.parametrize("run", [{}, {"run_id": "r1"}, {"run_id": "r1", "prepare": {}}])
def test_the_prepared_data_of_a_run_is_found_in_s3(aws: EmbeddedAWS, run):
    """A person who trains in JupyterLab copies nothing from the prepare notebook."""
    model = new_name()
    written = write_splits(model, run, split_table())

    assert load_prepared(model, run) == written


def test_the_results_that_the_runner_passes_on_need_no_s3():
    """They are those of the prepare stage, which may run in another notebook."""
    prepared = {"train": "s3://other/train.csv", "columns": ["label", "size"]}

    found = load_prepared("toy", {"run_id": "r1", "prepare": prepared})

    assert found == prepared
    assert found is not prepared


def test_training_before_preparing_is_an_error(aws: EmbeddedAWS):
    """The error names the notebook to run first."""
    expected = "run this model's prepare notebook first, with run_id 'local'"
    with pytest.raises(StorageError, match=expected):
        load_prepared(new_name(), {})


def summarise_column(values):
    """Summarise a table with one column, and return the column's summary."""
    return summarise(pd.DataFrame({"x": values}))["columns"]["x"]


def test_a_column_with_few_values_is_counted():
    """Each value comes with its count, the smallest first."""
    assert summarise_column([3, 1, 1, 0]) == {
        "missing": 0.0,
        "mean": 1.25,
        "std": np.std([3, 1, 1, 0]),
        "values": [[0.0, 1], [1.0, 2], [3.0, 1]],
    }


def test_a_column_with_many_values_has_percentiles():
    """There are 101, from the smallest value to the largest."""
    summary = summarise_column(np.arange(1001))

    assert summary["percentiles"][:3] == [0.0, 10.0, 20.0]
    assert summary["percentiles"][-1] == 1000.0
    assert len(summary["percentiles"]) == 101
    assert "values" not in summary


def test_the_limit_of_few_values_is_exact():
    """Twenty different values are few, twenty-one are many."""
    assert "values" in summarise_column(range(MAX_VALUES))
    assert "percentiles" in summarise_column(range(MAX_VALUES + 1))


def test_a_value_that_is_not_a_number_is_missing():
    """Empty, infinite, or a word."""
    assert summarise_column([1.0, None, np.inf, 2.0])["missing"] == 0.5
    assert summarise_column(["a", "b"]) == {
        "missing": 1.0,
        "mean": None,
        "std": None,
        "values": [],
    }


def test_a_summary_is_plain_json():
    """A table may have no rows, a column's name twice, or a number as a name."""
    twins = pd.DataFrame([[1, 2]], columns=["a", "a"])

    assert summarise(twins)["rows"] == 1
    assert list(summarise(pd.DataFrame({0: [1]}))["columns"]) == ["0"]
    json.dumps(summarise(pd.DataFrame({"x": []})), allow_nan=False)
