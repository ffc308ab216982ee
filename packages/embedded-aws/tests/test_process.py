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
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError
from embedded_aws import EmbeddedAWSError, PortError, start
from embedded_aws.process import server_environment, tail


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
    with start() as aws:
        port = int(aws.url.rpartition(":")[2])
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        assert aws.log.exists()
    assert gone(aws.process.pid)
    assert not aws.folder.exists()


@pytest.fixture
def temporary(monkeypatch, tmp_path):
    """Make temporary folders where they can be counted."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_port_that_is_taken_is_refused(temporary):
    """The error says what to do, and nothing is left behind."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        reason = f"--port {port}: in use; choose another, or 0 for a free one"
        with pytest.raises(PortError, match=f"^{reason}$"):
            start(port=port)
    assert list(temporary.iterdir()) == []


def test_a_port_that_does_not_exist_is_refused():
    """The error says which ports there are."""
    with pytest.raises(PortError, match=r"^--port 70000: give 0 to 65535$"):
        start(port=70000)


def test_quotes_the_log_when_it_cannot_start(temporary, monkeypatch, tmp_path_factory):
    """What the server wrote is in the error, as its file is removed."""
    broken = tmp_path_factory.mktemp("bin") / "python"
    broken.write_text("#!/bin/sh\necho broken >&2\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    with pytest.raises(EmbeddedAWSError) as caught:
        start()
    reason = "ended before it was ready; it wrote last: broken"
    assert str(caught.value) == f"the embedded AWS: {reason}"
    assert list(temporary.iterdir()) == []


def test_gives_up_after_the_time_limit(temporary):
    """A server that is not ready in time is ended, and the error says how long."""
    with pytest.raises(EmbeddedAWSError, match="not ready after 0 s"):
        start(timeout=0)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_says_how_it_ended_by_itself(number):
    """A server that another process ends leaves its folder to its parent."""
    with start() as aws:
        aws.process.send_signal(number)
        aws.process.wait(10)
        assert aws.log.exists()
        assert "the embedded AWS ended by itself" in aws.ending()
        assert ("SIGKILL" in aws.ending()) == (number == signal.SIGKILL)
    assert not aws.folder.exists()


def test_dies_with_a_parent_that_is_killed():
    """The server ends by itself when its parent had no chance to end it."""
    code = (
        "from embedded_aws import start; aws = start(); "
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


def test_an_environment_outlives_its_server(monkeypatch):
    """What a shell has exported works again when the port is served again."""
    with start() as aws:
        port = int(aws.url.rpartition(":")[2])
    for key, value in aws.environment.items():
        monkeypatch.setenv(key, value)
    once = Config(retries={"total_max_attempts": 1})
    sts = boto3.session.Session().client("sts", config=once)
    with pytest.raises(EndpointConnectionError):
        sts.get_caller_identity()
    with start(port=port) as again:
        assert again.environment == aws.environment
        assert sts.get_caller_identity()["Account"] == "123456789012"


def test_a_log_that_does_not_exist_is_no_error(tmp_path):
    """The reason why a server ended is not hidden by another error."""
    assert tail(tmp_path / "missing") == "it wrote nothing"


def test_the_server_sees_no_aws_settings(monkeypatch):
    """The server starts without the credentials of the process that starts it."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    monkeypatch.setenv("MOTO_ACCOUNT_ID", "1")
    environment = server_environment()
    assert not [key for key in environment if key.startswith(("AWS_", "MOTO_"))]
