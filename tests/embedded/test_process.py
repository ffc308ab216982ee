"""The embedded AWS as a process of its own."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3
import pytest

from runner.embedded import process
from runner.errors import EmbeddedError


def gone(pid):
    """Tell whether a process has ended, within ten seconds."""
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_answers_at_the_reported_address_until_closed():
    """A started server answers, and leaves neither process nor folder."""
    with process.start() as aws:
        port = int(aws.url.rpartition(":")[2])
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        assert aws.log.exists()
    assert gone(aws.process.pid)
    assert not aws.folder.exists()


@pytest.fixture
def temporary(monkeypatch, tmp_path):
    """Keep the folder of a server that did not start out of the way."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_names_the_log_when_it_cannot_start(temporary):
    """A port that is taken ends in an error that names the log and quotes it."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(EmbeddedError, match=r"server\.log") as caught,
    ):
        process.start(port=taken.getsockname()[1])
    assert "in use" in str(caught.value)


def test_gives_up_after_the_time_limit(temporary):
    """A server that is not ready in time is ended, and the error says how long."""
    with pytest.raises(EmbeddedError, match="not ready after 0 s"):
        process.start(timeout=0)


def test_dies_with_a_parent_that_is_killed():
    """The server ends by itself when its parent had no chance to end it."""
    code = (
        "from runner.embedded import process; aws = process.start(); "
        "print(aws.process.pid, aws.folder, flush=True); input()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with parent:
        pid, folder = parent.stdout.readline().decode().split()
        parent.send_signal(signal.SIGKILL)
    assert gone(int(pid))
    assert not Path(folder).exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ends_on_a_signal(number, tmp_path):
    """Interrupting or terminating the server ends it with exit code 0."""
    server = process.spawn(0, tmp_path)
    process.wait_until_ready(server, tmp_path / "server.log", 30)
    server.send_signal(number)
    assert server.wait(10) == 0
    process.end(server)


def test_keeps_a_real_profile_out(embedded, monkeypatch, tmp_path):
    """A developer's profile, credentials and configured endpoints change nothing."""
    config = tmp_path / "config"
    config.write_text("[profile real]\nregion = eu-west-1\nendpoint_url = http://x\n")
    monkeypatch.setenv("AWS_PROFILE", "real")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SESSION_TOKEN", "real")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
    for key, value in embedded.environment.items():
        monkeypatch.setenv(key, value)
    sts = boto3.session.Session().client("sts")
    assert sts.meta.endpoint_url == embedded.url
    assert sts.get_caller_identity()["Account"] == "123456789012"


def test_server_sees_no_aws_settings(monkeypatch):
    """The server starts without the credentials of whoever starts it."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    monkeypatch.setenv("MOTO_ACCOUNT_ID", "1")
    environment = process.server_environment()
    assert not [key for key in environment if key.startswith(("AWS_", "MOTO_"))]
