"""Faults on demand over HTTP, as curl and any other tool sends them."""

import json
import urllib.error
import urllib.request

import pytest
from embedded_aws.faults import Fault

from runner.errors import EmbeddedError

JSON = "application/json"


def ask(embedded, method, path="", body=None, kind=JSON):
    """Call the HTTP interface: the status, and the answer, which is always JSON."""
    url = f"{embedded.url}/_embedded/faults{path}"
    data = None if body is None else body.encode()
    call = urllib.request.Request(url, data, method=method)
    call.add_header("Content-Type", kind)
    try:
        with urllib.request.urlopen(call, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        with refusal:
            assert refusal.headers["Content-Type"] == JSON
            return refusal.status, json.load(refusal)["error"]


def test_faults_can_be_managed_over_http(embedded, inject):
    """POST adds a fault, GET lists it with what is left, DELETE removes it."""
    body = json.dumps({"kind": "ping-failure", "name": "e"})
    status, added = ask(embedded, "POST", body=body)
    assert status == 200
    assert [(each["kind"], each["left"]) for each in added] == [("ping-failure", 1)]
    assert ask(embedded, "GET") == (200, added)
    assert embedded.faults() == added
    assert ask(embedded, "DELETE", f"/{added[0]['id']}") == (200, [])


@pytest.mark.parametrize(
    ("body", "kind", "status", "reason"),
    [
        ("{}", "text/plain", 415, "-H 'content-type: application/json'"),
        (
            '{"kind": "throttling"}',
            "application/x-www-form-urlencoded",
            415,
            "'application/x-www-form-urlencoded'; send JSON: curl",
        ),
        ("kind=throttling", JSON, 400, "the body is not JSON: Expecting value"),
        ("", JSON, 400, 'send for instance {"kind": "throttling", "count": 3}'),
        ("[]", JSON, 400, "a fault is an object"),
        ('{"kind": "flood"}', JSON, 400, "unknown kind of fault 'flood'"),
        ('{"kind": "throttling", "count": 0}', JSON, 400, "count of a fault: 0"),
    ],
)
def test_says_what_is_wrong_and_what_is_right(
    embedded, inject, body, kind, status, reason
):
    """A request that makes no sense is refused in JSON, and changes nothing."""
    answer = ask(embedded, "POST", body=body, kind=kind)
    assert answer[0] == status
    assert reason in answer[1]
    assert embedded.faults() == []


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("DELETE", "/nobody", 404, "no fault has the id 'nobody'"),
        ("GET", "/nobody", 404, "GET goes to /_embedded/faults"),
        ("PUT", "", 405, "PUT: POST one fault, GET all, DELETE one or all"),
    ],
)
def test_what_is_not_there_is_named(embedded, method, path, status, reason):
    """An unknown id, path or method is no success."""
    answer = ask(embedded, method, path)
    assert answer[0] == status
    assert reason in answer[1]


def test_a_refusal_reaches_python_in_one_line(embedded):
    """Clearing what nobody injected says so, without a traceback of urllib's."""
    with pytest.raises(EmbeddedError, match="no fault has the id 'nobody'"):
        embedded.clear(Fault(kind="throttling", id="nobody"))
