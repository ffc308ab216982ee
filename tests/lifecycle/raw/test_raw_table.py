"""Splits are what features.py makes of the raw records, or prepare is refused."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import raw_models
from embedded_aws.process import EmbeddedAWS

from lifecycle.data import load_prepared, read_raw, write_splits
from lifecycle.errors import DataError, IntegrityError
from lifecycle.raw.raw_table import check_raw, column_kinds, table_records
from lifecycle.s3 import write_bytes

HEADER = "import pandas as pd\n\ndef transform(raw):\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's folder."""
    return raw_models.write_model(tmp_path / "toy")


def check(folder: Path, code: str = "", **given: Any) -> Any:
    """Check rows of x whose feature is what the code makes of it."""
    if code:
        (folder / "features.py").write_text(HEADER + code)
    transform = raw_models.load_features(folder).transform
    raw = pd.DataFrame({"x": [float(n) for n in range(30)], "t": list("ab" * 15)})
    made = given.pop("made", None)
    table = transform(raw) if made is None else made(raw)
    table.insert(0, "y", 1.0)
    parts = {"train": table[:10], "validation": table[10:18], "test": table[18:]}
    given = {"raw": raw, "transform": transform} | given
    return check_raw(parts, **given)


def test_what_is_handed_on_is_what_clients_send(folder: Path) -> None:
    """Test records, kinds of columns, and the files that features.py may need."""
    found = check(folder, "    return raw[['x']] * 2\n")
    assert found.kinds == {"x": "number", "t": "text"}
    assert found.test[0] == {"x": 18.0, "t": "a"}
    assert check_raw({}, None, None) is None


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "return raw[['x']] - raw['x'].mean()",
            "gives .* for its record|among other r",
        ),
        (
            "return raw[['x']].rank()",
            "among other rows and 1 alone; what is learnt from",
        ),
        (
            "return pd.get_dummies(raw['t'], dtype=int)",
            "of a row alone, features.py: returns no 'b', which the model was",
        ),
    ],
)
def test_features_that_depend_on_other_rows_are_refused(
    folder: Path, code: str, said: str
) -> None:
    """An endpoint gets one record, or others than training had."""

    def made(raw: pd.DataFrame) -> pd.DataFrame:
        # As they come out in each split, so that only the single rows differ.
        transform = raw_models.load_features(folder).transform
        return pd.concat(
            [transform(raw[:10]), transform(raw[10:18]), transform(raw[18:])]
        )

    with pytest.raises(DataError, match=said):
        check(folder, f"    {code}\n", made=made)


def test_splits_must_be_what_transform_returns(folder: Path) -> None:
    """Otherwise the model would be asked other features than it was trained on."""
    with pytest.raises(
        DataError, match=r"train: 'x' is 2 in row 1, where features.py g"
    ):
        check(folder, "    return raw[['x']]\n", made=lambda raw: raw[["x"]] * 2)
    with pytest.raises(DataError, match=r"train: features\.py: returns 't', which"):
        check(folder, "    return raw\n", made=lambda raw: raw[["x"]])


def test_what_only_this_machine_has_is_refused(folder: Path) -> None:
    """The label, a function of the notebook, one half without the other."""
    code = "    return raw[['x']]\n"
    with pytest.raises(DataError, match="raw: has the label, 'y', which no client kno"):
        check(folder, code, raw=pd.DataFrame({"x": [1.0], "y": [1.0]}))
    with pytest.raises(
        DataError, match="transform: is not the function of the model's"
    ):
        check(folder, code, transform=lambda raw: raw[["x"]])
    with pytest.raises(DataError, match="belong together; give raw= and transform="):
        check(folder, code, raw=None)
    with pytest.raises(DataError, match="raw: their index is not that of the table"):
        check(folder, code, raw=pd.DataFrame({"x": [1.0]}))
    (folder / "raw_records.json").write_text("{}")
    with pytest.raises(DataError, match="the endpoint has a file of its own with this"):
        check(folder, code)


def test_cells_are_what_json_has(folder: Path) -> None:
    """Missing cells stay missing; dates become text."""
    raw = pd.DataFrame(
        {
            "n": [1, 2],
            "f": [0.1, None],
            "b": [True, False],
            "o": [True, None],
            "t": pd.Series(["ä", None], dtype="str"),
            "d": pd.to_datetime(["2026-01-02", None]),
            "c": pd.Categorical(["x", None]),
            "i": pd.array([1, None], dtype="Int64"),
        }
    )
    kinds = column_kinds(raw)
    assert "".join(kind[0] for kind in kinds.values()) == "inbbttti"
    first, second = table_records(raw, kinds)
    assert [*first.values()] == [
        *(1, 0.1, True, True, "ä", "2026-01-02T00:00:00", "x", 1),
    ]
    assert [*second.values()] == [2, None, False, None, None, None, None, None]
    with pytest.raises(DataError, match="raw: 'm' mixes int, str; give it one type"):
        column_kinds(pd.DataFrame({"m": [1, "a"]}))
    with pytest.raises(DataError, match="raw: column ' m' has no plain name; rename"):
        column_kinds(pd.DataFrame({" m": [1]}))


def test_prepare_keeps_the_records_of_the_test_rows(
    aws: EmbeddedAWS, model: str, tmp_path: Path
) -> None:
    """They are read back as they were, or not at all."""
    folder = raw_models.write_model(tmp_path / model)
    written = raw_models.prepare(model, "r1", folder)
    prepared = load_prepared(model, {"run_id": "r1"})
    assert prepared == written
    records = read_raw(prepared)
    assert records is not None
    assert len(records) == written["rows"]["test"]
    assert list(records[0]) == raw_models.COLUMNS
    assert read_raw({}) is None
    # A changed features.py is other data.
    (folder / "features.py").write_text(raw_models.FEATURES + "# other\n")
    other = raw_models.prepare(model, "r2", folder)
    assert other["data_sha256"] != written["data_sha256"]
    assert other["test_sha256"] == written["test_sha256"]
    write_bytes(prepared["raw"]["test"], b"{}\n")
    with pytest.raises(IntegrityError, match=r"has sha256 .*, prepared was"):
        read_raw(prepared)


def test_models_of_numbers_are_as_before(aws: EmbeddedAWS, model: str) -> None:
    """Their results have no raw records."""
    table = pd.DataFrame({"y": [float(n) for n in range(9)], "x": range(9)})
    parts = {"train": table[:3], "validation": table[3:6], "test": table[6:]}
    written = write_splits(model, {"run_id": "r1"}, parts)
    assert "raw" not in written
