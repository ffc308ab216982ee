"""The server of the embedded AWS as a subprocess."""

import signal

import pytest
from embedded_aws import launch


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ends_on_a_signal(number, tmp_path):
    """Interrupting or terminating the server ends it with exit code 0."""
    server = launch.spawn(0, tmp_path)
    launch.wait_until_ready(server, tmp_path / "server.log", 30)
    server.send_signal(number)
    assert server.wait(10) == 0
    launch.end(server)


def test_a_log_that_is_not_there_is_no_error(tmp_path):
    """Whoever wants to know why something ended is not told of another error."""
    assert launch.tail(tmp_path / "missing") == "it wrote nothing"


def test_server_sees_no_aws_settings(monkeypatch):
    """The server starts without the credentials of whoever starts it."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    monkeypatch.setenv("MOTO_ACCOUNT_ID", "1")
    environment = launch.server_environment()
    assert not [key for key in environment if key.startswith(("AWS_", "MOTO_"))]
