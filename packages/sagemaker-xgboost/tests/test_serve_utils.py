"""How the model server answers: status, header and body."""

import json
import math
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import xgboost
from sagemaker_xgboost.container.recordio import (
    read_frames,
    write_bytes,
    write_frame,
)
from sagemaker_xgboost.container.serve import ModelServer

from runner.errors import EmbeddedError, ModelLoadError

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

CSV = "text/csv; charset=utf-8"
TEXT = "text/html; charset=utf-8"
ROWS = np.array([[1, 5], [2, 4], [3, 3], [4, 2], [5, 1], [6, 0]], dtype=float)
LABELS = {
    "reg:squarederror": [1, 2, 3, 4, 5, 6],
    "binary:logistic": [0, 0, 0, 1, 1, 1],
    "binary:logitraw": [0, 0, 0, 1, 1, 1],
    "binary:hinge": [0, 0, 0, 1, 1, 1],
    "multi:softmax": [0, 0, 1, 1, 2, 2],
    "multi:softprob": [0, 0, 1, 1, 2, 2],
    "reg:absoluteerror": [1, 2, 3, 4, 5, 6],
}


def make_model(objective, rounds=3, **parameters):
    """Train a small model of this objective."""
    given = {"objective": objective, "min_child_weight": 0, **parameters}
    if objective.startswith("multi:"):
        given["num_class"] = 3
    matrix = xgboost.DMatrix(ROWS, label=LABELS[objective])
    return xgboost.train(given, matrix, num_boost_round=rounds)


@pytest.fixture
def serve(tmp_path):
    """Serve models, each in a file of its own."""

    def load(*models, **environment):
        for number, model in enumerate(models):
            model.save_model(tmp_path / f"xgboost-model-{number}.ubj")
        return ModelServer.load(tmp_path, environment)

    return load


@pytest.fixture
def regression(serve):
    """A server of one regression."""
    return serve(make_model("reg:squarederror"))


def predictions(model, rows):
    """Predict as xgboost itself does."""
    return model.predict(xgboost.DMatrix(np.array(rows, dtype=float))).tolist()


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
    """The class that raised is part of the answer."""
    response = regression.invoke(body, "text/csv", None)
    assert response.status == 415
    assert f"please ensure data is in csv format:\n {kind}" in response.body.decode()


def test_too_many_columns_are_a_bad_request(regression):
    """The label that was left in the row is the usual reason."""
    response = regression.invoke(b"1,1,5", "text/csv", None)
    assert response.status == 400
    text = response.body.decode()
    assert text.startswith("Unable to evaluate payload provided: [")
    assert "Number of columns does not match number of features in booster." in text
    assert str(Path(xgboost.__file__).parent) not in text


@pytest.mark.parametrize("content_type", [None, "libsvm", "text/x-libsvm"])
def test_libsvm_fills_up_with_zeros(serve, content_type):
    """What a row does not name is 0, and the label is skipped."""
    model = make_model("reg:squarederror")
    response = serve(model).invoke(b"9 0:6\n1:5", content_type, None)
    expected = predictions(model, [[6, 0], [0, 5]])
    assert response.body == "".join(f"{x}\n" for x in expected).encode()


def test_libsvm_from_one_on_is_moved(serve):
    """Without any index 0 in the request all indices lose one."""
    model = make_model("reg:squarederror")
    response = serve(model).invoke(b"1:6 2:0\n2:5", "text/libsvm", None)
    expected = predictions(model, [[6, 0], [0, 5]])
    assert response.body == "".join(f"{x}\n" for x in expected).encode()


def test_libsvm_that_is_none(regression):
    """The reader's own words follow."""
    response = regression.invoke(b"a:1", "text/libsvm", None)
    assert (response.status, response.body.decode()) == (
        415,
        "Loading libsvm data failed with Exception, please ensure data is in libsvm "
        "format:\n <class 'ValueError'>\n invalid literal for int() with base 10: 'a'",
    )


def test_recordio_is_read(serve):
    """Rows may come as framed protobuf records."""
    model = make_model("reg:squarederror")
    tensor = write_bytes(2, write_bytes(1, np.array([1, 5], "<f4").tobytes()))
    record = write_bytes(1, write_bytes(1, b"values") + write_bytes(2, tensor))
    kind = "application/x-recordio-protobuf"
    response = serve(model).invoke(write_frame(record), kind, None)
    assert response.body == f"{predictions(model, [[1, 5]])[0]}\n".encode()


def test_recordio_that_is_none(regression):
    """Its refusal stands on one line."""
    kind = "application/x-recordio-protobuf"
    response = regression.invoke(b"12345678", kind, None)
    assert (response.status, response.body.decode()) == (
        415,
        "Loading recordio-protobuf data failed with Exception, please ensure data is "
        "in recordio-protobuf format: <class 'ValueError'> Invalid RecordIO magic at "
        "offset 0",
    )


@pytest.mark.parametrize(
    ("content_type", "start"),
    [
        ("application/json", "application/json is not an accepted ContentType: csv, "),
        ("text/csv; label_size=2", "text/csv; label_size=2 is not an accepted csv "),
        ("application/x-parquet", "Content-type application/x-parquet is not supp"),
    ],
)
def test_content_types_that_are_not_served(regression, content_type, start):
    """415 with the reason."""
    response = regression.invoke(b"{}", content_type, None)
    assert response.status == 415
    assert response.body.decode().startswith(start)


def test_an_empty_body_has_no_content(regression):
    """It is answered before anything is looked at."""
    response = regression.invoke(b"", "application/json", "text/plain")
    assert (response.status, response.body) == (204, b"")


def test_an_answer_that_is_not_accepted(regression):
    """406, and only after the rows were predicted."""
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
def test_some_answers_need_a_selection(regression, accept):
    """The image accepts these types, and then cannot write them."""
    assert regression.invoke(b"1,5", "text/csv", accept).status == 500


def test_a_body_that_is_too_large(serve):
    """The web framework refuses it with a page of its own."""
    server = serve(make_model("reg:squarederror"), MAX_CONTENT_LENGTH="3")
    assert server.invoke(b"1,5", "text/csv", None).status == 200
    response = server.invoke(b"1,50", "text/csv", None)
    assert (response.status, response.headers) == (413, {"Content-Type": TEXT})
    assert b"<title>413 Request Entity Too Large</title>" in response.body


def test_the_default_answer_can_be_changed(serve):
    """A caller that accepts anything gets what the environment says."""
    accept = {"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "application/json"}
    server = serve(make_model("reg:squarederror"), **accept)
    response = server.invoke(b"1,5", "text/csv", "*/*")
    assert response.headers == {"Content-Type": "application/json"}


def test_ping_and_execution_parameters(serve):
    """A loaded server is healthy, and says what batch transform may send."""
    server = serve(make_model("reg:squarederror"), MAX_CONTENT_LENGTH="99999999")
    assert (server.ping().status, server.ping().body) == (200, b"")
    response = server.execution_parameters()
    assert response.headers == {"Content-Type": "application/json"}
    assert json.loads(response.body) == {
        "MaxConcurrentTransforms": os.cpu_count(),
        "BatchStrategy": "MULTI_RECORD",
        "MaxPayloadInMB": 20,
    }


def test_every_file_is_a_model(serve):
    """Several models answer with their mean."""
    models = [make_model("reg:squarederror", rounds) for rounds in (1, 5)]
    response = serve(*models).invoke(b"1,5", "text/csv", None)
    scores = [
        model.predict(xgboost.DMatrix(np.array([[1.0, 5.0]]))) for model in models
    ]
    assert response.body == f"{np.mean(scores, axis=0).tolist()[0]}\n".encode()


def test_models_of_classes_vote(serve, tmp_path):
    """The class that most of them name is the answer."""
    right = make_model("binary:hinge")
    wrong = make_model("binary:hinge", base_score=0.9, rounds=0)
    assert serve(right, wrong, right).invoke(b"1,5", "text/csv", None).body == b"0.0\n"


def test_an_ensemble_can_be_switched_off(serve):
    """Then the first file answers alone."""
    models = [make_model("reg:squarederror", rounds) for rounds in (1, 5)]
    server = serve(*models, SAGEMAKER_INFERENCE_ENSEMBLE="false")
    expected = predictions(models[0], [[1, 5]])[0]
    assert server.invoke(b"1,5", "text/csv", None).body == f"{expected}\n".encode()


@pytest.mark.parametrize(
    ("name", "content"), [("README.md", b"# A model"), ("data.bin", b"{L\x00")]
)
def test_any_other_file_keeps_the_server_from_starting(serve, tmp_path, name, content):
    """Whatever lies at the top level must be a model; dotfiles and folders may lie."""
    (tmp_path / ".hidden").write_text("x")
    (tmp_path / "code").mkdir()
    model = make_model("reg:squarederror")
    assert serve(model).ping().status == 200
    (tmp_path / name).write_bytes(content)
    with pytest.raises(
        ModelLoadError, match=f"^Model at /opt/ml/model/{name} cannot be"
    ):
        serve(model)


def test_an_archive_without_a_model(tmp_path):
    """The error says what to put where."""
    with pytest.raises(
        EmbeddedError, match="put a file xgboost-model at its top level"
    ):
        ModelServer.load(tmp_path, {})


def test_a_pickle_is_no_model(tmp_path):
    """The image would unpickle it, and run what it says."""
    (tmp_path / "xgboost-model").write_bytes(b"cos\nabort\n(tR.")
    with pytest.raises(ModelLoadError):
        ModelServer.load(tmp_path, {})


def test_many_callers_at_once(serve):
    """Concurrent requests each get their own answer."""
    model = make_model("reg:squarederror")
    server = serve(model)
    rows = [[a, b] for a in range(7) for b in range(6)]
    with ThreadPoolExecutor(8) as pool:
        bodies = [f"{a},{b}".encode() for a, b in rows]
        answers = pool.map(lambda body: server.invoke(body, "text/csv", None), bodies)
        got = [float(answer.body) for answer in answers]
    assert got == predictions(model, rows)


ALL = "predicted_label,labels,probability,probabilities,raw_score,raw_scores"


def select(serve, model, keys, accept, **environment):
    """Ask a server for selected answers to one row."""
    server = serve(model, SAGEMAKER_INFERENCE_OUTPUT=keys, **environment)
    return server.invoke(b"6,0", "text/csv", accept)


def test_a_binary_answer_can_be_selected(serve):
    """Label, probability and scores of both classes, in one object."""
    model = make_model("binary:logistic")
    [one] = predictions(model, [[6, 0]])
    both = [1.0 - one, one]
    response = select(serve, model, ALL, "application/json")
    assert json.loads(response.body) == {
        "predictions": [
            {
                "predicted_label": 1,
                "labels": [0, 1],
                "probability": one,
                "probabilities": both,
                "raw_score": one,
                "raw_scores": both,
            }
        ]
    }


@pytest.mark.parametrize(
    ("objective", "label", "labels"),
    [
        ("multi:softprob", 2, [0, 1, 2]),
        ("multi:softmax", 2.0, [0, 1, 2]),
        ("binary:logitraw", 1, [0, 1]),
        ("binary:hinge", 1.0, [0, 1]),
    ],
)
def test_labels_of_every_objective(serve, objective, label, labels):
    """A probability that an objective does not have is not a number."""
    keys = " Predicted_Label, labels ,probability"
    response = select(serve, make_model(objective), keys, "application/jsonlines")
    assert response.headers == {"Content-Type": "application/jsonlines"}
    answer = json.loads(response.body.removesuffix(b"\n"))
    assert answer["predicted_label"] == label
    assert answer["labels"] == labels
    assert math.isnan(answer["probability"]) is (objective != "multi:softprob")


def test_several_classes_have_several_scores(serve):
    """The probability is that of the winning class."""
    model = make_model("multi:softprob")
    [scores] = predictions(model, [[6, 0]])
    response = select(serve, model, "probability,raw_scores", "application/json")
    [answer] = json.loads(response.body)["predictions"]
    assert answer == {"probability": max(scores), "raw_scores": scores}


@pytest.mark.parametrize(("batch", "end"), [({}, ""), ({"SAGEMAKER_BATCH": "1"}, "\n")])
def test_selected_csv_has_quoted_lists(serve, batch, end):
    """Columns come in the order asked for; only batch transform ends the line."""
    model = make_model("binary:logistic")
    [one] = predictions(model, [[6, 0]])
    response = select(serve, model, "labels,foo,probability", None, **batch)
    assert response.headers == {"Content-Type": CSV}
    assert response.body.decode() == f'"[0, 1]",nan,{one}{end}'


def test_selected_records(serve):
    """Each answer is a record whose labels are named after the keys."""
    model = make_model("reg:squarederror")
    kind = "application/x-recordio-protobuf"
    response = select(serve, model, "predicted_score", kind)
    assert response.headers == {"Content-Type": kind}
    [record] = read_frames(response.body)
    assert b"predicted_score" in record
    score = np.array(predictions(model, [[6, 0]]), dtype="<f4").tobytes()
    assert record.endswith(score)


def test_an_objective_without_selection(serve):
    """Some objectives cannot be selected from."""
    model = make_model("reg:absoluteerror")
    response = select(serve, model, "predicted_score", None)
    assert (response.status, response.body.decode()) == (
        500,
        "Objective `reg:absoluteerror` unsupported for selectable inference "
        "predictions.",
    )
