"""Raw tables are read and checked, and splits written as XGBoost reads them."""

import hashlib
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from embedded_aws.process import EmbeddedAWS
from model_packages import new_name

from lifecycle.aws import client, run_uri
from lifecycle.data import (
    MAX_VALUES,
    keep_rows,
    load_prepared,
    read_details,
    read_split,
    read_table,
    split,
    split_in_time,
    summarise,
    write_splits,
)
from lifecycle.errors import DataError, GateError, StorageError
from lifecycle.s3 import parse_uri, read_bytes, read_json, write_bytes

TABLE = pd.DataFrame(
    {"label": [0, 0, 0, 1] * 50, "size": range(200), "weight": [0.5] * 200}
)


@pytest.fixture
def uri(aws: EmbeddedAWS) -> str:
    """The URI of a raw file."""
    return run_uri(new_name(), "r1", "raw.csv")


PARTS = ("train", "validation", "test")


def split_table(salt: str = "1") -> dict[str, pd.DataFrame]:
    """Split the table, 30 % of it held out."""
    return split(TABLE, salt=salt, held_out=0.3)


def part_of(splits: dict[str, pd.DataFrame]) -> dict[int, str]:
    """Return the part of each row, by what it has in the column `size`."""
    return {size: name for name in PARTS for size in splits[name]["size"]}


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


@pytest.mark.parametrize("header", [True, False])
def test_codes_stay_text_with_and_without_a_header(uri, header):
    """Their zeros would be lost; the name of no column is refused."""
    write_bytes(uri, b"zip,y\n" * header + b"007,1\n")

    table = read_table(uri, ["zip", "y"], header=header, text=["zip"])
    assert table["zip"].tolist() == ["007"]
    with pytest.raises(DataError, match="text='Zip' is no column of it; did you mean"):
        read_table(uri, ["zip", "y"], header=header, text=["Zip"])


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


def test_a_file_is_read_as_the_notebook_says(uri):
    """Separator, decimal mark and encoding are arguments; all columns by default."""
    write_bytes(uri, "Preis;Stück\n1,5;2\n".encode("cp1252"))

    table = read_table(uri, separator=";", decimal=",", encoding="cp1252")

    assert table.to_dict("list") == {"Preis": [1.5], "Stück": [2]}


def test_the_newest_rows_test():
    """Rows of one time stay together, and a row without a time is refused."""
    days = pd.Series([*range(10)] * 20)

    splits = split_in_time(TABLE, by=days, held_out=0.3)

    parts = {name: sorted(set(days[rows.index])) for name, rows in splits.items()}
    assert parts == {"train": [*range(7)], "validation": [7], "test": [8, 9]}
    with pytest.raises(DataError, match="1 rows have no time to split by"):
        split_in_time(TABLE, by=[None, *days[1:]], held_out=0.3)


def test_splits_are_disjoint_and_complete():
    """Every row is in exactly one split, in the order of the table."""
    splits = split_table()

    assert sorted(pd.concat(splits.values())["size"]) == list(range(200))
    assert all(rows["size"].is_monotonic_increasing for rows in splits.values())


def test_the_share_that_is_held_out_is_the_notebooks_choice():
    """About half of the held-out rows validate and half test."""
    large = pd.DataFrame({"x": range(4000)})

    splits = split(large, held_out=0.5)

    counts = [len(rows) / len(large) for rows in splits.values()]
    assert counts == pytest.approx([0.5, 0.25, 0.25], abs=0.03)
    assert {label: len(split(large, held_out=0.3)[label]) for label in PARTS} == {
        "train": pytest.approx(2800, abs=90),
        "validation": pytest.approx(600, abs=70),
        "test": pytest.approx(600, abs=70),
    }


def test_each_group_is_about_as_common_in_every_split():
    """As it would be by drawing."""
    large = pd.DataFrame({"label": [0, 0, 0, 1] * 1000, "x": range(4000)})

    for rows in split(large, held_out=0.3).values():
        assert rows["label"].mean() == pytest.approx(0.25, abs=0.05)


def test_a_row_keeps_its_part_when_the_data_grows():
    """Whatever is added, wherever, and whatever type a column gets by that."""
    added = pd.DataFrame({"label": [1, 0], "size": [-5, 999.5], "weight": [None, "x"]})
    grown = pd.concat([added, TABLE.sample(frac=1, random_state=3)])

    before, after = (
        part_of(split_table()),
        part_of(split(grown, salt="1", held_out=0.3)),
    )

    assert {size: after[size] for size in before} == before


def test_equal_rows_share_a_part():
    """A copy of a training row among the test rows would be known to the model."""
    twice = pd.concat([TABLE, TABLE])

    splits = split(twice, held_out=0.3)

    assert all((rows["size"].value_counts() == 2).all() for rows in splits.values())


def test_the_test_rows_stay_held_out_when_more_are():
    """Another share moves no row from test into train."""
    few, many = (part_of(split(TABLE, held_out=share)) for share in (0.2, 0.6))

    assert all(many[size] == "test" for size, part in few.items() if part == "test")


def test_rows_of_one_key_share_a_part():
    """For instance all months of a customer; the key may be no column of the table."""
    customers = TABLE["size"] // 5

    by_values = part_of(split(TABLE, key=customers, held_out=0.3))
    by_name = split(TABLE.assign(customer=customers), key="customer", held_out=0.3)

    assert by_values == part_of(by_name)
    assert all(by_values[5 * one] == by_values[5 * one + 4] for one in range(40))


def test_with_a_key_other_features_move_no_row():
    """The raw rows may be the key of what is made of them."""
    features = TABLE.assign(area=TABLE["size"] ** 2)

    assert part_of(split(features, key=TABLE, held_out=0.3)) == part_of(
        split(TABLE, held_out=0.3)
    )


def test_the_salt_decides_the_split():
    """The same salt draws the same rows, another one others."""
    first, again, other = (split_table(salt)["test"] for salt in ("1", "1", "2"))

    assert first.equals(again)
    assert not first.equals(other)


@pytest.mark.parametrize(
    ("rows", "key", "said"),
    [
        (1, None, "none of 1 rows is in "),
        (200, [1, 2], "2 keys for 200 rows"),
    ],
)
def test_a_split_that_would_be_useless_is_an_error(rows, key, said):
    """It says what to change."""
    with pytest.raises(DataError, match=said):
        split(TABLE.head(rows), key=key, held_out=0.3)


def test_splits_are_written_for_xgboost(aws: EmbeddedAWS):
    """Label first, no header, no index, and below the run's own prefix."""
    model, splits = new_name(), split_table()

    written = write_splits(model, {"run_id": "r1"}, splits)

    assert written["test"] == run_uri(model, "r1", "test", "test.csv")
    first = read_bytes(written["test"]).decode().splitlines()[0].split(",")
    assert [float(cell) for cell in first] == splits["test"].iloc[0].tolist()
    assert written["rows"] == {name: len(splits[name]) for name in PARTS}
    assert written["columns"] == ["label", "size", "weight"]


def test_the_names_of_the_classes_are_written_too(aws: EmbeddedAWS):
    """Of a multiclass model they are numbers if nothing names them."""
    splits = {
        name: pd.DataFrame({"y": [0, 1, 2] * 9, "x": np.arange(27.0) + 100 * place})
        for place, name in enumerate(PARTS)
    }
    run: Any = {"run_id": "r1", "task": "multiclass", "hyperparameters": {}}

    named = write_splits(new_name(), run, splits, classes=["a", "b", "c"])
    plain = write_splits(new_name(), run, splits)
    at_a_desk = write_splits(new_name(), {"run_id": "r1"}, splits, classes=[3, 5, 8])
    other = write_splits(new_name(), {"run_id": "r1", "task": "regression"}, splits)

    assert named["classes"] == ["a", "b", "c"]
    assert plain["classes"] == ["0", "1", "2"]
    assert at_a_desk["classes"] == ["3", "5", "8"]
    assert "classes" not in other


def test_classes_that_do_not_fit_to_model_yaml_end_the_preparation():
    """Before a training job is paid for."""
    splits = {
        name: pd.DataFrame({"y": [0, 1] * 9, "x": np.arange(18.0) + 100 * place})
        for place, name in enumerate(PARTS)
    }
    run: Any = {"run_id": "r1", "task": "multiclass"}
    gated = run | {"gates": {"recall of Adele": {"min": 0.9}}}
    counted = run | {"hyperparameters": {"num_class": 3}}
    other: Any = {"run_id": "r1", "task": "regression"}

    with pytest.raises(GateError, match="no class 'Adele'; did you mean 'Adelie'"):
        write_splits("m", gated, splits, classes=["Adelie", "Gentoo"])
    with pytest.raises(DataError, match=r"2 names, and model\.yaml has num_class: 3"):
        write_splits("m", counted, splits, classes=["Adelie", "Gentoo"])
    with pytest.raises(DataError, match="classes: a regression has none; remove"):
        write_splits("m", other, splits, classes=["Adelie", "Gentoo"])


def test_only_rows_that_were_trained_on_may_expire(aws: EmbeddedAWS):
    """A deploy shows the test rows, and an approval binds the evidence.

    What is live is compared with its successor, so its rows are kept.
    """
    model = new_name()
    written = write_splits(model, {"run_id": "r1"}, split_table())
    uris = [written[name] for name in PARTS]
    uris.append(run_uri(model, "r1", "evidence", "data-summary.json"))

    def tags() -> list[list[dict[str, str]]]:
        return [
            client("s3").get_object_tagging(Bucket=at.bucket, Key=at.key)["TagSet"]
            for at in map(parse_uri, uris)
        ]

    assert tags() == [[{"Key": "may-expire", "Value": "true"}]] * 2 + [[], []]
    keep_rows(written["test"])
    assert tags() == [[]] * 4
    # Another tool's version does not say.
    keep_rows("")


def test_the_sha256_is_that_of_the_rows(aws: EmbeddedAWS):
    """The same rows have the same sha256 in every run."""
    splits = split_table()
    first = write_splits(new_name(), {"run_id": "r1"}, splits)
    again = write_splits(new_name(), {"run_id": "r2"}, splits)
    content = b"".join(read_bytes(first[n]) for n in ("train", "validation", "test"))

    assert first["data_sha256"] == again["data_sha256"]
    assert first["data_sha256"] == hashlib.sha256(content).hexdigest()


def test_test_rows_are_named_by_what_is_no_feature(aws: EmbeddedAWS):
    """By their index and the details of them, with the types that these have."""
    splits = split_table()
    every = pd.concat(splits.values()).sort_index()
    codes = [f"0{place}" for place in every.index]
    raw = pd.DataFrame({"code": codes, "age": 1.5, "day": pd.Timestamp("2026-01-02")})
    raw.index = every.index

    written = write_splits(new_name(), {"run_id": "r1"}, splits, details=raw)
    found = read_details(written, len(splits["test"]))

    test = splits["test"].index
    assert found["row"].tolist() == test.tolist()
    assert found["code"].tolist() == [f"0{place}" for place in test]
    assert found["age"].tolist() == [1.5] * len(test)
    assert found["day"].str.startswith("2026-01-02").all()
    assert not {"code", "age"} & set(written["columns"])


def test_test_rows_are_numbered_without_details(aws: EmbeddedAWS):
    """Also of an older release, or of another notebook."""
    written = write_splits(new_name(), {"run_id": "r1"}, splits := split_table())

    found = read_details(written, len(splits["test"]))
    assert list(found) == ["row"]
    assert found["row"].tolist() == splits["test"].index.tolist()
    assert read_details({}, 3)["row"].tolist() == [0, 1, 2]


def test_details_may_be_of_any_kind(aws: EmbeddedAWS):
    """What JSON has no word for is kept as its text; each needs a name of its own."""
    splits = split_table()
    rows = pd.concat(splits.values()).index
    kinds = {
        "month": pd.period_range("2024-01", periods=len(rows), freq="M"),
        "code": [b"\xff"] * len(rows),
        "between": pd.interval_range(0, len(rows)),
        "left": pd.to_timedelta(range(len(rows)), unit="D"),
    }

    details = pd.DataFrame(kinds, index=rows)
    written = write_splits(new_name(), {"run_id": "r1"}, splits, details=details)

    found = read_details(written, len(splits["test"]))
    meant = details.loc[splits["test"].index].map(str)
    assert found[list(kinds)].to_dict("list") == meant.to_dict("list")
    for wrong in (details["code"], details.set_axis(["a", "a", "b", "c"], axis=1)):
        with pytest.raises(
            DataError, match=r"details: (Series is no|column 'a' stands)"
        ):
            write_splits(new_name(), {"run_id": "r1"}, splits, details=wrong)


def test_details_of_another_table_are_refused(aws: EmbeddedAWS):
    """Else a reviewer would look for the error in the wrong rows."""
    details = pd.DataFrame({"code": ["a", "b"]}, index=[-1, -2])

    with pytest.raises(DataError, match="details: their index is not that of the"):
        write_splits(new_name(), {"run_id": "r1"}, split_table(), details=details)


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

    found = load_prepared(model, run)
    assert found == written
    # The order of raw columns, among others, is that of the table.
    assert json.dumps(found) == json.dumps(written)


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
