"""Endpoints are asked for predictions, which are checked against recorded ones."""

import math
from collections.abc import Iterator

import pytest
from embedded_aws.process import EmbeddedAWS

from lifecycle import invocation
from lifecycle.aws import run_uri
from lifecycle.deploy import deploy
from lifecycle.errors import EndpointError, StorageError
from lifecycle.invocation import (
    Golden,
    check_golden,
    invoke,
    read_golden,
    record_golden,
)
from lifecycle.registry import Package
from packages import ENDPOINT, ROWS, delete_endpoint, make_package, new_name


@pytest.fixture(scope="module")
def package(embedded_aws: EmbeddedAWS) -> Iterator[Package]:
    """A package that an endpoint serves."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in embedded_aws.environment.items():
            patch.setenv(name, value)
        made = make_package(new_name(), factor=2.0)
        deploy(made, endpoint=ENDPOINT, wait_seconds=60)
        yield made
        delete_endpoint(made.model)


def test_each_row_gets_a_prediction(aws: EmbeddedAWS, package):
    """The answers come in the order of the rows."""
    assert invoke(package.model, ROWS) == pytest.approx([0, 2, 4, 6], abs=0.2)


def test_no_rows_need_no_endpoint():
    """Nothing is asked for nothing."""
    assert invoke("no-such-endpoint", []) == []


def test_many_rows_take_several_requests(aws: EmbeddedAWS, package, monkeypatch):
    """No request is larger than an endpoint accepts."""
    monkeypatch.setattr(invocation, "MAX_PAYLOAD", 20)
    one_by_one = list(invocation._payloads(ROWS))

    assert max(map(len, one_by_one)) <= 20
    assert len(one_by_one) > 1
    assert invoke(package.model, ROWS) == pytest.approx([0, 2, 4, 6], abs=0.2)


def test_a_missing_value_is_left_empty():
    """XGBoost's missing value is an empty cell in CSV."""
    assert list(invocation._payloads([[1.5, math.nan]])) == ["1.5,"]


def test_a_refusal_is_explained(aws: EmbeddedAWS, package):
    """What the container says reaches the reader."""
    with pytest.raises(EndpointError, match="number of features"):
        invoke(package.model, [[1.0, 2.0, 3.0]])


def test_a_missing_endpoint_is_named(aws: EmbeddedAWS):
    """An endpoint that is not there is an error of its own."""
    with pytest.raises(EndpointError, match="no-such-endpoint: refuses"):
        invoke("no-such-endpoint", ROWS)


def test_golden_rows_come_back(aws: EmbeddedAWS, package):
    """What training recorded is read from the package, missing values included."""
    golden = read_golden(package)

    assert golden is not None
    assert golden.rows == ROWS

    uri = run_uri(package.model, "r1", "evidence", "golden.json")
    record_golden(uri, [[1.0, math.nan]], [3.0])
    holed = make_package(new_name(), golden=uri)

    again = read_golden(holed)
    assert again is not None
    assert math.isnan(again.rows[0][1])


def test_a_package_may_have_no_golden_rows(aws: EmbeddedAWS):
    """One that was registered by other means cannot be checked."""
    assert read_golden(make_package(new_name(), golden="")) is None


def test_lost_golden_rows_are_an_error(aws: EmbeddedAWS):
    """Evidence that is gone is not taken for evidence that never was."""
    model = new_name()
    package = make_package(model, golden=run_uri(model, "r1", "evidence", "none.json"))

    with pytest.raises(StorageError, match=r"none.json: not there; train"):
        read_golden(package)


def test_the_same_predictions_pass(aws: EmbeddedAWS, package):
    """An endpoint that serves the model it should is let through."""
    golden = read_golden(package)

    assert golden is not None
    check_golden(package.model, golden)


@pytest.mark.parametrize("off", [1.01, 0.99, -1.0])
def test_other_predictions_are_found_out(aws: EmbeddedAWS, package, off):
    """One percent is far more than float arithmetic explains."""
    expected = [off * value for value in invoke(package.model, ROWS)]

    with pytest.raises(EndpointError, match="golden row"):
        check_golden(package.model, Golden(rows=ROWS, predictions=expected))
