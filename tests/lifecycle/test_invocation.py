"""Endpoints are invoked, and their predictions compared with recorded ones."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
from embedded_aws.process import EmbeddedAWS
from model_packages import ROWS, delete_endpoint, make_package, new_name, serve

from lifecycle import invocation
from lifecycle.aws import run_uri
from lifecycle.errors import (
    DataError,
    EndpointError,
    IntegrityError,
    StorageError,
)
from lifecycle.invocation import (
    Golden,
    answer_table,
    check_golden,
    compare_with_golden,
    invoke,
    read_classes,
    read_golden,
    read_predictions,
    record_golden,
)
from lifecycle.registration.packages import Package
from lifecycle.s3 import hash_object, write_bytes


@pytest.fixture(scope="module")
def package(module_aws: EmbeddedAWS) -> Iterator[Package]:
    """A package that an endpoint serves."""
    made = make_package(new_name(), factor=2.0)
    serve(made)
    yield made
    delete_endpoint(made.model)


def test_each_row_gets_a_prediction(aws: EmbeddedAWS, package):
    """The predictions come in the order of the rows."""
    assert invoke(package.model, ROWS) == pytest.approx([0, 2, 4, 6], abs=0.2)


def test_no_rows_make_no_request():
    """There need not even be an endpoint."""
    assert invoke("no-such-endpoint", []) == []


def test_many_rows_take_several_requests(aws: EmbeddedAWS, package, monkeypatch):
    """No request is larger than an endpoint accepts."""
    monkeypatch.setattr(invocation, "MAX_PAYLOAD", 20)
    payloads = [one.text for one in invocation.payloads(ROWS)]

    assert max(map(len, payloads)) <= 20
    assert len(payloads) > 1
    assert invoke(package.model, ROWS) == pytest.approx([0, 2, 4, 6], abs=0.2)


def test_a_missing_value_is_an_empty_cell():
    """XGBoost reads it as missing."""
    assert list(invocation.payloads([[1.5, math.nan]])) == [("1.5,", "text/csv", 1)]


@pytest.mark.parametrize(
    ("answer", "count", "expected"),
    [
        ("0.5\n1e-3\n", 2, [0.5, 0.001]),
        ("0.5\n", 1, [0.5]),
        ("0.5,0.25", 2, [0.5, 0.25]),
        ("0.1,0.2,0.7\n0.3,0.3,0.4\n", 2, [[0.1, 0.2, 0.7], [0.3, 0.3, 0.4]]),
        ("0.1,0.2,0.7\n", 1, [[0.1, 0.2, 0.7]]),
        ("[0.1, 0.2, 0.7],[0.3, 0.3, 0.4]", 2, [[0.1, 0.2, 0.7], [0.3, 0.3, 0.4]]),
        ("[0.1, 0.2, 0.7]", 1, [[0.1, 0.2, 0.7]]),
        ("[0.1, 0.9]\n[0.3, 0.7]\n", 2, [[0.1, 0.9], [0.3, 0.7]]),
    ],
)
def test_an_answer_is_a_number_or_the_numbers_of_the_classes(answer, count, expected):
    """As image 3.2-0 writes them, a script, an older image, and batch transform."""
    assert read_predictions(answer, count) == expected


def test_golden_records_of_several_classes_are_kept_with_their_names(
    aws: EmbeddedAWS,
):
    """And every number of a prediction is compared."""
    rows, predictions = [[1.0], [2.0]], np.array([[0.1, 0.9], [0.6, 0.4]], "float32")
    uri = run_uri(new_name(), "r1", "evidence", "golden.json")
    record_golden(uri, rows, predictions, ["x"], ["a", "b"])

    golden = read_golden("m", {"golden": uri})

    assert golden is not None
    assert read_classes("m", {"golden": uri}) == ["a", "b"]
    compare_with_golden("e", predictions.tolist(), golden)
    with pytest.raises(EndpointError, match=r"predicts 0\.6, 0\.5 for golden row 1"):
        compare_with_golden("e", [[0.1, 0.9], [0.6, 0.5]], golden)
    with pytest.raises(EndpointError, match="predicts 1 for golden row 0, where trai"):
        compare_with_golden("e", [1.0, 0.0], golden)
    with pytest.raises(DataError, match="a prediction has 2 numbers for 3 classes"):
        record_golden(uri, rows, predictions, ["x"], ["a", "b", "c"])
    with pytest.raises(DataError, match="a prediction is not finite"):
        record_golden(uri, rows, [[0.1, math.nan], [0.6, 0.4]], ["x"], ["a", "b"])


def test_an_answer_is_shown_with_the_names_of_the_classes():
    """Beside the truth; numbers stay numbers."""
    table = answer_table([1.0, 0.0], np.array([[0.1, 0.9], [0.4, 0.6]]), ["a", "b"])

    assert table.to_dict("records")[1] == {
        "truth": "a",
        "prediction": "b",
        "probability of a": 0.4,
        "probability of b": 0.6,
    }
    plain = answer_table([1.0], np.array([0.9]), [])
    assert plain.to_dict("records") == [{"truth": 1.0, "prediction": 0.9}]


def test_a_refusal_is_explained(aws: EmbeddedAWS, package):
    """The error has the container's message."""
    with pytest.raises(EndpointError, match="number of features"):
        invoke(package.model, [[1.0, 2.0, 3.0]])


def test_a_missing_endpoint_is_an_error(aws: EmbeddedAWS):
    """The error names the endpoint."""
    with pytest.raises(EndpointError, match="no-such-endpoint: refuses"):
        invoke("no-such-endpoint", ROWS)


def test_an_endpoint_that_does_not_answer_is_an_error(
    monkeypatch, embedded_aws: EmbeddedAWS
):
    """The error names the endpoint, not only the address."""
    for name, value in embedded_aws.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")

    with pytest.raises(EndpointError, match="toy: does not answer; Could not connect"):
        invoke("toy", ROWS)


def test_golden_records_are_read_as_they_were_recorded(aws: EmbeddedAWS):
    """Missing values included."""
    model = new_name()
    uri = run_uri(model, "r1", "evidence", "golden.json")

    digest = record_golden(uri, [[1.0, math.nan], [2.0, 3.0]], [3.0, 4.0], ["a", "b"])

    assert digest == hash_object(uri).sha256
    golden = read_golden(model, {"golden": uri, "golden_sha256": digest})
    assert golden is not None
    assert golden.rows[0][0] == 1.0
    assert math.isnan(golden.rows[0][1])
    assert golden.rows[1] == [2.0, 3.0]
    assert golden.predictions == [3.0, 4.0]
    assert golden.columns == ["a", "b"]


@pytest.mark.parametrize("metadata", [{}, {"golden": ""}])
def test_a_package_may_have_no_golden_records(metadata):
    """One that another tool registered cannot be verified."""
    assert read_golden("toy", metadata) is None


def test_lost_golden_records_are_an_error(aws: EmbeddedAWS):
    """They are not taken for records that never existed."""
    uri = run_uri(new_name(), "r1", "evidence", "none.json")

    with pytest.raises(StorageError, match=r"none\.json: not there; train toy again"):
        read_golden("toy", {"golden": uri})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"rows": [], "predictions": []}',
        b'{"rows": [[1.0]], "predictions": []}',
        b'{"rows": [[1.0]], "predictions": [NaN]}',
        b'{"rows": [["a"]], "predictions": [1.0]}',
        b'{"rows": [[1.0]], "predictions": ["1"]}',
        b'{"rows": 1, "predictions": 1}',
    ],
)
def test_what_verifies_nothing_is_no_golden_record(aws: EmbeddedAWS, content):
    """Without a row, any endpoint would pass."""
    uri = write_bytes(run_uri(new_name(), "r1", "evidence", "golden.json"), content)

    with pytest.raises(StorageError, match=r"golden\.json: no golden records, "):
        read_golden("toy", {"golden": uri})
    other = {"golden": uri, "golden_sha256": "0" * 64}
    with pytest.raises(IntegrityError, match=r"golden\.json: has sha256 .* registered"):
        read_golden("toy", other)


@pytest.mark.parametrize(
    ("rows", "predictions", "problem"),
    [
        ([], [], "there are no rows"),
        ([[1.0]], [1.0, 2.0], "there are 2 predictions for 1 rows"),
        ([[1.0]], [math.inf], "a prediction is not finite"),
    ],
)
def test_what_verifies_nothing_is_not_recorded(rows, predictions, problem):
    """The error comes before anything is registered."""
    with pytest.raises(DataError, match=f"golden records: {problem}"):
        record_golden("s3://bucket/golden.json", rows, predictions)


def test_an_endpoint_that_predicts_what_was_recorded_passes(aws: EmbeddedAWS, package):
    """It serves the model that it should."""
    golden = read_golden(package.model, package.metadata)

    assert golden is not None
    assert golden.rows == ROWS
    check_golden(package.model, golden)


@pytest.mark.parametrize("factor", [1.01, 0.99, -1.0])
def test_an_endpoint_with_other_predictions_does_not_pass(
    aws: EmbeddedAWS, package, factor
):
    """One percent is far more than rounding explains."""
    other = [factor * value for value in invoke(package.model, ROWS)]

    with pytest.raises(EndpointError, match=r"predicts .* for golden row \d, where"):
        check_golden(package.model, Golden(rows=ROWS, predictions=other))


@pytest.mark.parametrize(
    ("predictions", "passes"),
    [
        ([1.0, 2.0], True),
        ([1.00009, 2.0], True),
        ([1.00011, 2.0], False),
        ([1.0, math.nan], False),
        ([1.0], False),
        ([1.0, 2.0, 3.0], False),
    ],
)
def test_predictions_are_compared_within_a_tolerance(predictions, passes):
    """Their number counts too, and the error names who predicts."""
    golden = Golden(rows=[[0.0], [1.0]], predictions=[1.0, 2.0])

    if passes:
        compare_with_golden("toy", predictions, golden)
        return
    with pytest.raises(EndpointError, match=r"^toy: "):
        compare_with_golden("toy", predictions, golden)
