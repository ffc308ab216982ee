"""The CircleCI workflow of a job: its identity, and who approved in it."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from runner.ci.environment import approval_note, run_suffix, workflow_identity

WORKFLOW = "3b1c7c9e-0000-4000-8000-000000000001"
ANSWERS = {
    f"/workflow/{WORKFLOW}/job": {
        "items": [
            {"name": "train-churn"},
            {"name": "review-churn", "approved_by": "ada-id"},
            {"name": "review-fraud"},
        ]
    },
    "/user/ada-id": {"id": "ada-id", "login": "ada", "name": "Ada Lovelace"},
}


class Api(BaseHTTPRequestHandler):
    """The two calls of CircleCI's API v2 that tell who approved, for one token."""

    redirect = ""
    tokens: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.tokens.append(self.headers["Circle-Token"])
        known = ANSWERS.get(self.path)
        allowed = self.headers["Circle-Token"] == "secret"
        status = 200 if known and allowed else 401 if known else 404
        self.send_response(302 if self.redirect else status)
        if self.redirect:
            self.send_header("Location", self.redirect)
        self.end_headers()
        self.wfile.write(json.dumps(known).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def api() -> Iterator[str]:
    """The address of the API."""
    Api.tokens.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def circleci(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The variables of a CircleCI job."""
    monkeypatch.setenv("CIRCLE_WORKFLOW_ID", WORKFLOW)
    monkeypatch.setenv("CIRCLE_USERNAME", "grace")
    return monkeypatch


def test_with_a_token_the_approver_is_named(
    circleci: pytest.MonkeyPatch, api: str
) -> None:
    """CIRCLE_TOKEN may ask CircleCI who approved."""
    circleci.setenv("CIRCLE_TOKEN", "secret")
    note = approval_note("churn", api=api)
    assert note == f"Approved in CircleCI workflow {WORKFLOW} by ada"


@pytest.mark.parametrize(
    ("token", "model"), [("", "churn"), ("wrong", "churn"), ("secret", "fraud")]
)
def test_otherwise_the_starter_is_named(
    circleci: pytest.MonkeyPatch, api: str, token: str, model: str
) -> None:
    """Without a token, with a wrong one, or if nobody has approved this model."""
    circleci.setenv("CIRCLE_TOKEN", token)
    note = approval_note(model, api=api)
    assert note == f"Approved in CircleCI workflow {WORKFLOW}, started by grace"


def test_an_api_that_is_down_stops_no_approval(circleci: pytest.MonkeyPatch) -> None:
    """Nothing listens on the reserved port 9."""
    circleci.setenv("CIRCLE_TOKEN", "secret")
    assert "started by grace" in approval_note("churn", api="http://127.0.0.1:9")


def test_no_redirect_is_followed(circleci: pytest.MonkeyPatch, api: str) -> None:
    """The token would be sent along, and the answer is not read either."""
    circleci.setenv("CIRCLE_TOKEN", "secret")
    circleci.setattr(Api, "redirect", f"{api}/elsewhere")

    assert "started by grace" in approval_note("churn", api=api)
    assert Api.tokens == ["secret"]


def test_outside_of_circleci_there_is_no_workflow() -> None:
    """AWS knows a person at a terminal by their own credentials."""
    assert approval_note("churn") == ""
    assert workflow_identity() == ""
    assert run_suffix() == ""


def test_a_rerun_has_the_identity_of_its_workflow(
    circleci: pytest.MonkeyPatch,
) -> None:
    """A rerun has a new workflow id, but the workspace of the first run."""
    assert workflow_identity() == WORKFLOW
    circleci.setenv("CIRCLE_WORKFLOW_WORKSPACE_ID", "first")
    assert workflow_identity() == "first"


def test_runs_of_a_workflow_have_the_same_suffix(
    circleci: pytest.MonkeyPatch,
) -> None:
    """Six hexadecimal digits, others for another workflow."""
    one = run_suffix()
    assert re.fullmatch("[0-9a-f]{6}", one)
    assert run_suffix() == one
    circleci.setenv("CIRCLE_WORKFLOW_ID", "another")
    assert run_suffix() != one
