"""How the model server loads an archive, and answers requests."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import xgboost
from container_models import make_model, predictions
from sagemaker_xgboost.container.serve import ModelLoadError, ModelServer

# xgboost warns of a model without a suffix, which is the rule here.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

TEXT = "text/html; charset=utf-8"


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


def test_too_many_columns_are_a_bad_request(regression):
    """A label left in the row is the usual reason."""
    response = regression.invoke(b"1,1,5", "text/csv", None)
    assert response.status == 400
    text = response.body.decode()
    assert text.startswith("Unable to evaluate payload provided: [")
    assert "Number of columns does not match number of features in booster." in text
    assert str(Path(xgboost.__file__).parent) not in text


def test_an_empty_body_has_no_content(regression):
    """It is answered before anything else is checked."""
    response = regression.invoke(b"", "application/json", "text/plain")
    assert (response.status, response.body) == (204, b"")


def test_a_body_that_is_too_large(serve):
    """The web framework refuses it with a page of its own."""
    server = serve(make_model("reg:squarederror"), MAX_CONTENT_LENGTH="3")
    assert server.invoke(b"1,5", "text/csv", None).status == 200
    response = server.invoke(b"1,50", "text/csv", None)
    assert (response.status, response.headers) == (413, {"Content-Type": TEXT})
    assert b"<title>413 Request Entity Too Large</title>" in response.body


def test_every_file_is_a_model(serve):
    """Several models answer with their mean."""
    models = [make_model("reg:squarederror", rounds) for rounds in (1, 5)]
    response = serve(*models).invoke(b"1,5", "text/csv", None)
    scores = [
        model.predict(xgboost.DMatrix(np.array([[1.0, 5.0]]))) for model in models
    ]
    assert response.body == f"{np.mean(scores, axis=0).tolist()[0]}\n".encode()


def test_models_of_classes_vote(serve):
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
    ("name", "content"),
    [("README.md", b"# A model"), ("data.bin", b"{L\x00"), ("empty", b"")],
)
def test_any_other_file_keeps_the_server_from_starting(serve, tmp_path, name, content):
    """All files at the top level must be models, but for dotfiles and folders."""
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
        ModelLoadError, match="put a file xgboost-model at its top level"
    ):
        ModelServer.load(tmp_path)


def test_selectable_inference_output_is_refused(serve):
    """The image selects labels and probabilities; this package says it does not."""
    with pytest.raises(ModelLoadError, match="SAGEMAKER_INFERENCE_OUTPUT: selectable"):
        serve(make_model("binary:logistic"), SAGEMAKER_INFERENCE_OUTPUT="probability")


def test_a_pickle_is_no_model(tmp_path):
    """The image would unpickle it, and run what it says."""
    (tmp_path / "xgboost-model").write_bytes(b"cos\nabort\n(tR.")
    with pytest.raises(ModelLoadError):
        ModelServer.load(tmp_path)


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
