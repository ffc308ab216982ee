"""An AWS that cannot be reached."""

import pytest

from lifecycle.aws import _no_answer, _no_profile

AGAIN = (
    "; start `python -m runner local --port 5000` again, or unset the variables that "
    "it printed (AWS_ENDPOINT_URL, AWS_PROFILE, ...)"
)


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("http://127.0.0.1:5000", AGAIN),
        ("http://localhost:5000/", AGAIN),
        ("http://localhost", "; is it running?"),
        ("https://vpce-1.example.com:443", "; is it running?"),
    ],
)
def test_an_endpoint_that_nothing_answers_at_is_named(monkeypatch, url, remedy):
    """A server of this machine can be started again, any other only be asked for."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)

    assert _no_answer("refused") == f"nothing answers at AWS_ENDPOINT_URL={url}{remedy}"


def test_without_an_endpoint_the_error_speaks_for_itself():
    """A laptop that is offline does not read of a variable that it never set."""
    assert _no_answer("Could not connect") == "AWS: Could not connect"


def test_a_profile_that_is_not_there_is_named(monkeypatch):
    """The error says where it was looked for, and that it can be left out."""
    remedy = "name another, or unset AWS_PROFILE"
    where = "AWS_PROFILE=gone: no such profile in"
    assert _no_profile("gone") == f"{where} ~/.aws/config; {remedy}"

    monkeypatch.setenv("AWS_CONFIG_FILE", "/etc/aws")

    assert _no_profile("gone") == f"{where} /etc/aws; {remedy}"
