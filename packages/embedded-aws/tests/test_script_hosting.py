"""Endpoints whose models bring their own inference code."""

import json
import signal
import socket
import threading
import types

import flask
import pytest
from botocore.exceptions import ClientError
from embedded_account import until
from embedded_aws.account import DEFAULT_BUCKET
from embedded_aws.sagemaker import script_hosting
from embedded_aws.toolkit.serve import Model, ServeError, receive, send
from packed_code import REGISTRY, SKLEARN, packed

INFERENCE = """
    import json, os, time
    from pathlib import Path

    def model_fn(model_dir):
        print("loading", os.environ["OUR_SETTING"], sorted(os.listdir(model_dir)))
        return json.loads(Path(model_dir, "weights.json").read_text())

    def input_fn(body, content_type):
        if content_type != "application/json":
            raise ValueError("only JSON: " + content_type)
        record = json.loads(body)
        if record.get("end"):
            os._exit(3)
        time.sleep(record.get("seconds", 0))
        return record

    def predict_fn(record, model):
        return model["slope"] * record["length"]

    def output_fn(prediction, accept):
        return json.dumps({"age": prediction}), accept
"""
PROGRAM = {"SAGEMAKER_PROGRAM": "inference.py", "OUR_SETTING": "7"}


@pytest.fixture
def data(account, name):
    """Upload a model with its code; return a function that gives the URI."""

    def upload(code=INFERENCE, **more):
        files = {"weights.json": '{"slope": 2.0}', "code/inference.py": code} | more
        account.put(f"models/{name}.tar.gz", packed(files))
        return f"s3://{DEFAULT_BUCKET}/models/{name}.tar.gz"

    return upload


def deploy(account, name, url, environment, image=SKLEARN):
    """Create an endpoint, and wait for it."""
    account.model(name, url, image, environment)
    account.endpoint(name, account.config(name, name))
    return account.settled(name)


def ask(account, name, **record):
    """Send a record in JSON."""
    return account.invoke(
        name, json.dumps(record), ContentType="application/json", Accept="text/x-own"
    )


def endpoint_log(account, name):
    """Read the log of an endpoint."""
    group = f"/aws/sagemaker/Endpoints/{name}"
    streams = account.logs.describe_log_streams(logGroupName=group)["logStreams"]
    return account.log_lines(group, streams[0]["logStreamName"])


def test_endpoint_answers_with_the_models_own_code(account, name, data):
    """The four functions answer, errors are the container's, a dead process returns."""
    described = deploy(account, name, data(), PROGRAM)
    assert described["EndpointStatus"] == "InService", described
    answer = account.runtime.invoke_endpoint(
        EndpointName=name,
        Body=b'{"length": 1.5}',
        ContentType="application/json",
        Accept="text/x-own",
    )
    assert answer["ContentType"] == "text/x-own; charset=utf-8"
    assert json.loads(answer["Body"].read()) == {"age": 3.0}
    with pytest.raises(ClientError) as caught:
        account.invoke(name, "1,2")
    response = caught.value.response
    assert response["OriginalStatusCode"] == 500
    assert "<title>500 Internal Server Error</title>" in response["OriginalMessage"]
    with pytest.raises(ClientError) as caught:
        ask(account, name, end=True)
    assert caught.value.response["OriginalStatusCode"] == 502
    assert ask(account, name, length=2) == '{"age": 4.0}'
    log = until(
        lambda: (
            lines
            if "ValueError: only JSON: text/csv"
            in (lines := endpoint_log(account, name))
            else None
        )
    )
    assert "loading 7 ['code', 'weights.json']" in log


def test_model_that_does_not_load_fails_its_endpoint(account, name, data):
    """The endpoint fails as without a ping, and its log has the model's error."""
    broken = "def model_fn(model_dir):\n    raise RuntimeError('no weights')"
    described = deploy(account, name, data(broken), PROGRAM)
    assert described["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check" in described["FailureReason"]
    assert any("no weights" in line for line in endpoint_log(account, name))


@pytest.mark.parametrize(
    ("environment", "image", "said"),
    [
        ({}, SKLEARN, "SAGEMAKER_PROGRAM of the model"),
        ({"SAGEMAKER_PROGRAM": "other.py"}, SKLEARN, "there is no other.py in"),
        (
            PROGRAM,
            f"{REGISTRY}/sagemaker-xgboost:3.0-5",
            "make it with: embedded-aws pull xgboost:3.0-5 --requirements",
        ),
    ],
)
def test_what_is_missing_is_in_the_log(account, name, data, environment, image, said):
    """Without code, or without the image's environment, the log says what to do."""
    described = deploy(account, name, data(), environment, image)
    assert described["EndpointStatus"] == "Failed"
    assert any(said in line for line in endpoint_log(account, name))


def test_answer_that_takes_too_long_ends_the_process(monkeypatch):
    """After the time of AWS the caller gets its error, and the process is killed."""
    ours, theirs = socket.socketpair()
    ours.settimeout(0.05)
    signals = []
    process = types.SimpleNamespace(poll=lambda: None, wait=lambda seconds: 0)
    server = object.__new__(script_hosting.ScriptServer)
    server.lock, server.connection, server.log = threading.Lock(), ours, print
    server.container = types.SimpleNamespace(process=process, send=signals.append)
    response = server.invoke(b"1", None, None)
    assert (response.status, signals) == (0, [signal.SIGKILL])
    assert b"timed out while waiting for a response" in response.body
    ours.close()
    theirs.close()


@pytest.fixture
def served(tmp_path):
    """Return a function that makes a model of these functions."""

    def make(framework="sklearn", **functions):
        functions = {"model_fn": lambda model_dir: Doubling()} | functions
        module = types.SimpleNamespace(**functions)
        return Model(framework, module, str(tmp_path))

    return make


class Doubling:
    """Predict twice the sum of a row."""

    def predict(self, rows, **_):
        """Predict."""
        return rows.sum(axis=-1) * 2


def test_default_functions_are_those_of_the_image(served):
    """CSV and JSON become arrays of 32 bits, predictions what the caller accepts."""
    model = served()
    about, body = model.answer(b"1,2\n3,4\n", "text/csv", "text/csv")
    assert about == {"status": 200, "content_type": "text/csv; charset=utf-8"}
    assert body == b"6.0\n14.0\n"
    about, body = model.answer(b"[[1, 2], [3, 4]]", None, None)
    assert about == {"status": 200, "content_type": "application/json"}
    assert json.loads(body) == [6.0, 14.0]
    about, body = model.answer(b"x", "text/plain", None)
    assert about["status"] == 500
    assert b"<title>500 Internal Server Error</title>" in body


def test_transform_fn_answers_alone(served):
    """transform_fn takes the place of three functions, and stands for itself."""
    own = served(transform_fn=lambda model, body, kind, accept: (body.upper(), "a/b"))
    assert own.answer(b"abc", "text/csv", None) == (
        {"status": 200, "content_type": "a/b"},
        b"ABC",
    )
    with pytest.raises(ServeError, match="Cannot use transform_fn implementation"):
        served(transform_fn=print, input_fn=print)


def test_functions_may_return_what_flask_takes(served):
    """Text is HTML to Flask, a dict is JSON, and an array is an error."""
    for result, kind, body in [
        ("7", "text/html; charset=utf-8", b"7"),
        ({"age": 7}, "application/json", b'{"age": 7}'),
    ]:
        model = served(output_fn=lambda prediction, accept, made=result: made)
        about, got = model.answer(b"1,2", "text/csv", "text/csv")
        assert (about["content_type"], got) == (kind, body)
    model = served(output_fn=lambda prediction, accept: prediction)
    assert model.answer(b"1,2", "text/csv", None)[0]["status"] == 500


@pytest.mark.parametrize("framework", ["sklearn", "xgboost"])
def test_a_response_of_flask_is_passed_on(served, framework):
    """What the functions return has its own status, what they raise is a 500."""
    refused = flask.Response("no length\n", status=400, mimetype="text/plain")
    model = served(framework, transform_fn=lambda *_: refused)
    about, body = model.answer(b"1,2", "text/csv", "text/csv")
    assert about == {"status": 400, "content_type": "text/plain; charset=utf-8"}
    assert body == b"no length\n"
    model = served(framework, transform_fn=lambda *_: 1 / 0)
    about, body = model.answer(b"1,2", "text/csv", "text/csv")
    assert about["status"] == 500
    assert b"<title>500 Internal Server Error</title>" in body


def test_errors_of_the_other_images_are_text(served):
    """The multi-model server answers with the message and the traceback."""
    model = served("other", input_fn=lambda body, kind: 1 / 0)
    about, body = model.answer(b"1,2", "text/csv", "text/csv")
    assert about["status"] == 500
    assert body.startswith(b"division by zero\nTraceback ")


def test_messages_arrive_whole_or_not_at_all():
    """A message of any size arrives; a connection that closes gives none."""
    ours, theirs = socket.socketpair()
    body = b"x" * 3_000_000
    sending = threading.Thread(target=send, args=[ours, {"a": "ü"}, body])
    sending.start()
    assert receive(theirs) == ({"a": "ü"}, body)
    sending.join()
    ours.sendall(b"\0\0\0\5")
    ours.close()
    assert receive(theirs) is None
    theirs.close()
