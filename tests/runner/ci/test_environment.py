"""A job knows its workflow, and who approved in it as far as CircleCI tells."""

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
    """CircleCI's API v2, as far as it is asked, for one token."""

    elsewhere = ""  # where it sends who asks
    tokens: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.tokens.append(self.headers["Circle-Token"])
        if self.elsewhere and not self.path.startswith("/elsewhere"):
            self.send_response(302)
            self.send_header("Location", self.elsewhere)
            return self.end_headers()
        known = ANSWERS.get(self.path)
        allowed = self.headers["Circle-Token"] == "secret"
        self.send_response(200 if known and allowed else 401 if known else 404)
        self.end_headers()
        self.wfile.write(json.dumps(known).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def api() -> Iterator[str]:
    """The address of the API."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def circleci(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The variables of a CircleCI job."""
    monkeypatch.setenv("CIRCLE_WORKFLOW_ID", WORKFLOW)
    monkeypatch.setenv("CIRCLE_USERNAME", "grace")
    return monkeypatch


def test_a_token_tells_who_approved(circleci: pytest.MonkeyPatch, api: str) -> None:
    """With CIRCLE_TOKEN the person who clicked is named."""
    circleci.setenv("CIRCLE_TOKEN", "secret")
    note = approval_note("churn", api=api)
    assert note == f"Approved in CircleCI workflow {WORKFLOW} by ada"


@pytest.mark.parametrize(
    ("token", "model"), [("", "churn"), ("wrong", "churn"), ("secret", "fraud")]
)
def test_without_an_answer_the_starter_is_named(
    circleci: pytest.MonkeyPatch, api: str, token: str, model: str
) -> None:
    """No token, a wrong one or no approval of this model: say what is known."""
    circleci.setenv("CIRCLE_TOKEN", token)
    note = approval_note(model, api=api)
    assert note == f"Approved in CircleCI workflow {WORKFLOW}, started by grace"


def test_an_api_that_is_down_stops_no_approval(circleci: pytest.MonkeyPatch) -> None:
    """The record is worth having, but not a failed approval."""
    circleci.setenv("CIRCLE_TOKEN", "secret")
    assert "started by grace" in approval_note("churn", api="http://127.0.0.1:9")


def test_a_token_goes_nowhere_else(circleci: pytest.MonkeyPatch, api: str) -> None:
    """Who is redirected does not follow, as the token would go along."""
    circleci.setenv("CIRCLE_TOKEN", "secret")
    circleci.setattr(Api, "elsewhere", f"{api}/elsewhere")
    circleci.setattr(Api, "tokens", [])

    assert "started by grace" in approval_note("churn", api=api)
    assert Api.tokens == ["secret"]


def test_outside_of_circleci_there_is_nothing_to_say() -> None:
    """A person at a terminal is known to AWS by their own credentials."""
    assert approval_note("churn") == ""
    assert workflow_identity() == ""
    assert run_suffix() == ""


def test_a_rerun_has_the_identity_of_its_workflow(
    circleci: pytest.MonkeyPatch,
) -> None:
    """A rerun gets a new workflow id and keeps the workspace of the first."""
    assert workflow_identity() == WORKFLOW
    circleci.setenv("CIRCLE_WORKFLOW_WORKSPACE_ID", "first")
    assert workflow_identity() == "first"


def test_the_jobs_of_a_workflow_share_the_end_of_their_runs_ids(
    circleci: pytest.MonkeyPatch,
) -> None:
    """Six hexadecimal digits, another six for another workflow."""
    one = run_suffix()
    assert re.fullmatch("[0-9a-f]{6}", one)
    assert run_suffix() == one
    circleci.setenv("CIRCLE_WORKFLOW_ID", "another")
    assert run_suffix() != one
