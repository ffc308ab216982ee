"""How the body of a request is decoded, and the predictions are encoded."""

import json
import math

import numpy as np
import pytest
import xgboost
from container_models import make_model, predictions

# xgboost warns of a model without a suffix, which is the rule here.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

CSV = "text/csv; charset=utf-8"
TEXT = "text/html; charset=utf-8"


def test_csv_is_the_default_answer(serve):
    """One line for each row, 32-bit floats written as doubles."""
    model = make_model("reg:squarederror")
    server = serve(model)
    for accept in (None, "", "*/*", "text/csv", "TEXT/CSV; header=absent"):
        response = server.invoke(b"1,5\n6,0\n", "text/csv", accept)
        assert response.status == 200
        assert response.headers == {"Content-Type": CSV}
        first, second = predictions(model, [[1, 5], [6, 0]])
        assert response.body == f"{first}\n{second}\n".encode()


def test_json_answers_with_scores(serve):
    """Every row has a score, a list where there are several classes."""
    model = make_model("multi:softprob")
    response = serve(model).invoke(b"1,5\n6,0", "text/csv", "application/json")
    assert response.headers == {"Content-Type": "application/json"}
    expected = [{"score": scores} for scores in predictions(model, [[1, 5], [6, 0]])]
    assert response.body == json.dumps({"predictions": expected}).encode()


def test_several_classes_share_a_line(serve):
    """Probabilities are joined by commas, a class is a number."""
    model = make_model("multi:softprob")
    response = serve(model).invoke(b"1,5", "text/csv", None)
    [scores] = predictions(model, [[1, 5]])
    assert response.body == (",".join(map(str, scores)) + "\n").encode()


def test_a_class_is_a_float(serve):
    """The label of softmax is written as xgboost gives it."""
    response = serve(make_model("multi:softmax")).invoke(b"6,0", "text/csv", None)
    assert response.body == b"2.0\n"


@pytest.mark.parametrize(
    ("body", "same_as"),
    [
        (b"1;5", [[1, 5]]),
        (b"1\t5\r\n6\t0\r\n", [[1, 5], [6, 0]]),
        (b"\n\n 1 , 5 \n\n", [[1, 5]]),
        (b"1,\n,0", [[1, math.nan], [math.nan, 0]]),
        (b"nan,5", [[math.nan, 5]]),
        (b"1", [[1]]),
    ],
)
def test_csv_bodies_that_are_read(serve, body, same_as):
    """The delimiter is guessed, empty is missing, missing columns are missing."""
    model = make_model("reg:squarederror")
    response = serve(model).invoke(body, "text/csv", None)
    expected = model.predict(
        xgboost.DMatrix(np.array(same_as)), validate_features=False
    )
    assert response.body == "".join(f"{x}\n" for x in expected.tolist()).encode()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"a,b\n1,2", "could not convert string to float: np.str_('a')"),
        (b"True,1", "could not convert string to float: np.str_('True')"),
        (b'"1","2"', "could not convert string to float: np.str_('\"1\"')"),
        (b"\xef\xbb\xbf1,2", "could not convert string to float: np.str_('\\ufeff1')"),
        (b"1,2\n3", "setting an array element with a sequence. The requested array"),
    ],
)
def test_csv_bodies_that_are_refused(regression, body, reason):
    """numpy reads the cells, and is stricter than training."""
    response = regression.invoke(body, "text/csv", None)
    assert response.status == 415
    assert response.headers == {"Content-Type": TEXT}
    assert response.body.decode().startswith(
        "Loading csv data failed with Exception, please ensure data is in csv format:"
        f"\n <class 'ValueError'>\n {reason}"
    )


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"   ", "<class '_csv.Error'>\n Could not determine delimiter"),
        (b"1,inf", "<class 'xgboost.core.XGBoostError'>\n ["),
        (b"1,1e400", "<class 'xgboost.core.XGBoostError'>\n ["),
        (b"\xff\xfe", "<class 'UnicodeDecodeError'>\n 'utf-8' codec can't decode"),
    ],
)
def test_other_readers_refuse_in_their_own_words(regression, body, kind):
    """The class of the error is part of the response."""
    response = regression.invoke(body, "text/csv", None)
    assert response.status == 415
    assert f"please ensure data is in csv format:\n {kind}" in response.body.decode()


@pytest.mark.parametrize("content_type", [None, "libsvm", "text/x-libsvm"])
def test_libsvm_leaves_missing_what_a_row_does_not_name(serve, content_type):
    """A feature left out is missing, a named 0 is 0, and the label is skipped."""
    model = make_model("reg:squarederror")
    response = serve(model).invoke(b"9 0:6\n1:5\n0:1 1:0", content_type, None)
    expected = predictions(model, [[6, math.nan], [math.nan, 5], [1, 0]])
    assert response.body == "".join(f"{x}\n" for x in expected).encode()


@pytest.mark.parametrize(
    ("version", "shifted"),
    [("3.2-0", True), ("3.0-5", False), ("1.7-1", False), ("1.5-1", False)],
)
def test_libsvm_without_index_0_is_shifted_by_the_newest_image(serve, version, shifted):
    """If no row of a request has index 0, 3.2-0 takes one from all indices."""
    model = make_model("reg:squarederror")
    server = serve(model, version=version)
    response = server.invoke(b"1:5", "text/libsvm", None)
    expected = predictions(model, [[5, math.nan] if shifted else [math.nan, 5]])
    assert response.body == f"{expected[0]}\n".encode()


def test_libsvm_rows_at_the_end_that_name_nothing_are_left_out(regression):
    """The image builds a sparse matrix, whose last row is the last that has values."""
    response = regression.invoke(b"1\n2 0:1\n3 1:1\n4", "text/libsvm", None)
    assert len(response.body.split()) == 3


def test_libsvm_adds_up_values_of_one_index(serve):
    """So does the image's sparse matrix."""
    model = make_model("reg:squarederror")
    response = serve(model).invoke(b"0:2 0:4 1:0", "text/libsvm", None)
    assert response.body == f"{predictions(model, [[6, 0]])[0]}\n".encode()


def test_malformed_libsvm_is_refused(regression):
    """The reader's own words follow."""
    response = regression.invoke(b"a:1", "text/libsvm", None)
    assert (response.status, response.body.decode()) == (
        415,
        "Loading libsvm data failed with Exception, please ensure data is in libsvm "
        "format:\n <class 'ValueError'>\n invalid literal for int() with base 10: 'a'",
    )


@pytest.mark.parametrize(
    "body", [b"5", b"5\n7", b"-1:2", b"0:a", b"0:1\t1:2", b"99999999999999999999:1"]
)
def test_libsvm_that_makes_no_matrix_is_refused(regression, body):
    """No value at all, a negative or huge index, tabs, a value that is no number."""
    assert regression.invoke(body, "text/libsvm", None).status == 415


@pytest.mark.parametrize("version", ["latest", "0.90-2", "1.2-1"])
@pytest.mark.parametrize("accept", [None, "application/json"])
def test_the_first_images_answer_in_one_line(serve, version, accept):
    """Up to 1.2-1 rows are joined by commas, and what is accepted does not matter."""
    model = make_model("reg:squarederror")
    response = serve(model, version=version).invoke(b"1,5\n6,0\n", "text/csv", accept)
    expected = predictions(model, [[1, 5], [6, 0]])
    assert response.headers == {"Content-Type": CSV}
    assert response.body == ",".join(map(str, expected)).encode()


def test_older_images_quote_as_numpy_1(serve):
    """The text of a cell stands in an error as numpy of that image writes it."""
    server = serve(make_model("reg:squarederror"), version="1.7-1")
    response = server.invoke(b"a,b", "text/csv", None)
    assert response.body.endswith(b"could not convert string to float: 'a'")


@pytest.mark.parametrize(
    ("content_type", "start"),
    [
        ("application/json", "application/json is not an accepted ContentType: csv, "),
        ("text/csv; label_size=2", "text/csv; label_size=2 is not an accepted csv "),
        ("application/x-parquet", "Content-type application/x-parquet is not supp"),
        (
            "application/x-recordio-protobuf",
            "Content-type application/x-recordio-protobuf is not supported by "
            "sagemaker-xgboost, which reads no RecordIO-protobuf.",
        ),
    ],
)
def test_other_content_types_are_refused(regression, content_type, start):
    """The status is 415, the body says why."""
    response = regression.invoke(b"{}", content_type, None)
    assert response.status == 415
    assert response.body.decode().startswith(start)


def test_other_accept_types_are_refused(regression):
    """The status is 406, and only after the rows were predicted."""
    response = regression.invoke(b"1,5", "text/csv", "text/plain")
    assert (response.status, response.body.decode()) == (
        406,
        "Accept type text/plain is not supported. Please use supported accept types: "
        "['application/json', 'application/jsonlines', "
        "'application/x-recordio-protobuf', 'text/csv'].",
    )
    assert regression.invoke(b"x", "text/csv", "text/plain").status == 415


@pytest.mark.parametrize(
    "accept", ["application/jsonlines", "application/x-recordio-protobuf"]
)
def test_some_accepted_types_cannot_be_written(regression, accept):
    """As in the image, which writes them for selected output only."""
    response = regression.invoke(b"1,5", "text/csv", accept)
    assert (response.status, response.body.decode()) == (
        500,
        f"Content type {accept} is not supported by this framework.",
    )


def test_the_default_answer_can_be_changed(serve):
    """A caller that accepts anything gets what the environment says."""
    accept = {"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "application/json"}
    server = serve(make_model("reg:squarederror"), **accept)
    response = server.invoke(b"1,5", "text/csv", "*/*")
    assert response.headers == {"Content-Type": "application/json"}


def test_batch_transform_gets_one_python_value_per_line(serve):
    """Several scores are a list, whatever type is accepted."""
    model = make_model("multi:softprob")
    server = serve(model, SAGEMAKER_BATCH="true")
    response = server.invoke(b"1,5\n6,0", "text/csv", "application/json")
    first, second = predictions(model, [[1, 5], [6, 0]])
    assert response.headers == {"Content-Type": "application/json"}
    assert response.body == f"{first}\n{second}\n".encode()
