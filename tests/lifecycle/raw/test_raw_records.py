"""Requests of raw records are read as they are meant, or refused in one line."""

import json
import math
from typing import Any

import pandas as pd
import pytest

from lifecycle.raw.raw_records import (
    RequestError,
    answer_text,
    make_features,
    read_request,
)

JSON, LINES, CSV = "application/json", "application/jsonlines", "text/csv"
KINDS = {"sex": "text", "length": "number", "code": "integer", "alive": "boolean"}
RECORD = {"sex": "größer", "length": 0.5, "code": 7, "alive": True}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (json.dumps(RECORD), JSON),
        (json.dumps(RECORD).encode(), ""),
        (json.dumps([RECORD]), "Application/JSON; charset=utf-8"),
        (json.dumps({"instances": [RECORD]}), JSON),
        ("\ufeff" + json.dumps(RECORD, ensure_ascii=False), JSON),
        (f"{json.dumps(RECORD)}\n\n", LINES),
        ("sex,length,code,alive\ngrößer,0.5,7,true\n", CSV),
        ("größer,5e-1,7.0,TRUE".encode(), CSV),
        ("alive, code,length,sex\r\nTrue,7, 0.5 ,größer\r\n", CSV),
    ],
)
def test_a_record_is_the_same_in_every_form(body: str | bytes, kind: str) -> None:
    """JSON, JSON lines, and CSV with and without names of columns."""
    assert read_request(body, kind, KINDS) == [RECORD]


def test_what_is_missing_is_none() -> None:
    """A key that is not there, null, NaN, an empty cell, a column that is not named."""
    nothing = dict.fromkeys(KINDS)
    for body, kind in [
        ('[{}, {"sex": null, "length": NaN}]', JSON),
        (",,,\n,,,", CSV),
        ("length\n\n \n \n", CSV),
    ]:
        assert read_request(body, kind, KINDS) == [nothing, nothing]


def test_whole_numbers_stay_whole() -> None:
    """Where the column held whole numbers; text keeps its zeros and blanks."""
    cells = read_request('{"code": 7.0, "length": 1}', JSON, KINDS)[0]
    assert (cells["code"], cells["length"]) == (7, 1.0)
    assert type(cells["code"]) is int
    assert type(cells["length"]) is float
    assert read_request("007 ,1,2,false", CSV, KINDS)[0]["sex"] == "007 "
    assert read_request('{"code": 7.5}', JSON, KINDS)[0]["code"] == 7.5


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        ("", JSON, "no records; send at least one"),
        ("[]", JSON, "no records; send at least one"),
        (" \n", LINES, "no records; send at least one"),
        ("sex,length\n", CSV, "no records; send at least one"),
        ("[1]", JSON, 'record 0: 1 is no object as {"sex": null}'),
        (
            '{"sexes": 1}',
            JSON,
            "record 0: 'sexes' is no column of the records; they ha",
        ),
        ("[{}, {", JSON, "the body is not JSON: "),
        ("{}\n{", LINES, "line 2 is not JSON: "),
        ("[" * 100_000, JSON, "the body is not JSON: "),
        ('{"sex": "F", "sex": "M"}', JSON, "'sex' stands twice in a record"),
        ('{"instances": {}}', JSON, "'instances' is no list of records"),
        ('{"instances": [], "more": 1}', JSON, "'more' beside 'instances'"),
        ('[{}, {"length": "1"}]', JSON, "record 1: 'length' is '1', not a number"),
        ('{"length": true}', JSON, "'length' is True, not a number"),
        ('{"length": Infinity}', JSON, "record 0: 'length' is infinite"),
        ('{"code": 1' + 30 * "0" + "}", JSON, "record 0: 'code' is too large, 1000"),
        ('{"sex": 1}', JSON, "'sex' is 1, not text"),
        ('{"alive": 1}', JSON, "'alive' is 1, not true or false"),
        ('{"sex": ["F"]}', JSON, "'sex' is ['F'], not text"),
        (
            "F,1,2",
            CSV,
            "record 0: 3 cells for 4 columns; send sex, length, code, alive",
        ),
        ("F,1_0,2,true", CSV, "record 0: 'length' is '1_0', not a number"),
        ("F,1,2,yes", CSV, "record 0: 'alive' is 'yes', not true or false"),
        (
            "sex,weight\nF,1",
            CSV,
            "the first line: 'weight' is no column of the records",
        ),
        ("sex,sex\nF,M", CSV, "the first line: column 'sex' stands twice"),
        ('"F,1', CSV, "not CSV: "),
        (b"\xff", CSV, "not UTF-8: "),
        ("F\ufffd,1,2,true", CSV, "not UTF-8: "),
    ],
)
def test_a_wrong_request_is_refused(body: str | bytes, kind: str, said: str) -> None:
    """With the record, the column, and what was sent."""
    with pytest.raises(RequestError) as caught:
        read_request(body, kind, KINDS)
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert caught.value.status == 400


def test_other_formats_are_named() -> None:
    """The status says whether it is the request's or the answer's."""
    with pytest.raises(RequestError, match="text/plain: not supported; send") as caught:
        read_request("", "text/plain", KINDS)
    assert caught.value.status == 415
    with pytest.raises(RequestError, match="image/png: not supported; acc") as caught:
        answer_text([1.0], "image/png")
    assert caught.value.status == 406


def test_cells_have_their_columns_types_whatever_else_is_missing() -> None:
    """So the features of a record do not depend on the others of its request."""
    seen = []

    def transform(raw: pd.DataFrame) -> pd.DataFrame:
        seen.append({name: str(kind) for name, kind in raw.dtypes.items()})
        return pd.DataFrame({"digits": raw["code"].map(lambda one: len(str(one)))})

    records = read_request(json.dumps([RECORD, {}, RECORD]), JSON, KINDS)
    made = make_features(transform, records, KINDS, ["digits"])
    assert made["digits"].tolist() == [1, 3, 1]
    assert seen == [
        {"sex": "object", "length": "float64", "code": "int64", "alive": "bool"},
        {"sex": "object", "length": "float64", "code": "float64", "alive": "object"},
    ]


def fail(raw: pd.DataFrame) -> pd.DataFrame:
    """Raise what code raises that was not written for these cells."""
    raise KeyError("age\nof")


@pytest.mark.parametrize(
    ("transform", "said"),
    [
        (fail, r"features.py: KeyError: 'age\\nof'"),
        (lambda raw: raw["sex"], "features.py: returns Series, no table"),
        (lambda raw: raw[["length"]], "returns no 'code', which the model was trained"),
        (lambda raw: raw[["length", "code", "sex"]], "returns 'sex', which the model"),
        (
            lambda raw: raw[["code", "length"]],
            "returns 'code' where training had 'leng",
        ),
        (lambda raw: raw[["length", "code"]][:0], "features.py: 0 rows for 1 records"),
        (
            lambda raw: raw[["length", "sex"]].set_axis(["length", "code"], axis=1),
            "is no",
        ),
    ],
)
def test_features_must_be_those_of_training(transform: Any, said: str) -> None:
    """That is the model's fault, not the client's."""
    with pytest.raises(RequestError, match=said) as caught:
        make_features(transform, [RECORD], KINDS, ["length", "code"])
    assert caught.value.status == 500


def refuse(raw: pd.DataFrame) -> pd.DataFrame:
    """Refuse a record in words."""
    raise ValueError(f"sex: {raw['sex'][0]!r} is none")


def test_a_transform_refuses_a_record_by_a_value_error() -> None:
    """That is the client's fault, and told to it in the model's words."""
    with pytest.raises(
        RequestError, match=r"^features.py: sex: '\w+' is none$"
    ) as caught:
        make_features(refuse, [RECORD], KINDS, ["length", "code"])
    assert caught.value.status == 400


def test_answers_are_numbers_or_scores() -> None:
    """Classes are named where they are known."""
    assert answer_text([0.1, 2], "text/csv") == ("0.1\n2.0\n", CSV)
    assert answer_text([[0.25, 0.75]], "text/*") == ("0.25,0.75\n", CSV)
    text, kind = answer_text([0.5, math.nan], "*/*")
    assert (json.loads(text), kind) == (
        {"predictions": [{"score": 0.5}, {"score": None}]},
        JSON,
    )
    accept = "image/png;q=1, application/jsonlines"
    text, _ = answer_text([[0.25, 0.75]], accept, ["no", "yes"])
    assert json.loads(text) == {
        "score": [0.25, 0.75],
        "label": "yes",
        "probabilities": {"no": 0.25, "yes": 0.75},
    }
    text, _ = answer_text([1], accept, ["no", "yes"])
    assert json.loads(text) == {"score": 1.0, "label": "yes"}
