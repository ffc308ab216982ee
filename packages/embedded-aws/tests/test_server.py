"""The server, as `embedded-aws` and `python -m embedded_aws` run it."""

import ctypes
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from embedded_aws.process import end, spawn, wait_until_ready

SIGNED = (
    b"Host: localhost\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIA/20261128/"
    b"us-east-1/s3/aws4_request, SignedHeaders=host, Signature=abc\r\n"
)
TARGET = SIGNED.replace(b"s3", b"sagemaker") + b"X-Amz-Target: SageMaker.ListModels\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
SCRIPT = Path(sys.executable).with_name("embedded-aws")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"NONE\r\n\r\n", 400),
        (b"\x16\x03\x01\x05\xf8\x01\n\r\n", 400),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * 70_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"A: a\r\n" * 200 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"PUT /b/k HTTP/1.1\r\n" + SIGNED + CHUNKED + b"none\r\n", 400),
        (b"PUT /b/k HTTP/1.1\r\n" + SIGNED + CHUNKED + b"3\r\nabcdef\r\n", 400),
        (b"POST / HTTP/1.1\r\n" + TARGET + CHUNKED + b"none\r\n", 400),
    ],
    ids=[
        "no request", "TLS", "long path", "long header", "many headers", "no length",
        "negative length", "no chunk", "chunk without end", "no chunk of JSON",
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused(embedded, sent, status):
    """At once, by an error as S3's, after which the connection is closed."""
    port = int(embedded.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sender:
        sender.sendall(sent)
        answer = sender.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"<Error><Code>" in answer.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ends_on_a_signal(number, tmp_path):
    """Interrupting or terminating the server ends it with exit code 0."""
    server = spawn(0, tmp_path, "")
    wait_until_ready(server, tmp_path / "server.log", 30)
    server.send_signal(number)
    assert server.wait(10) == 0
    end(server)


@pytest.mark.skipif(sys.platform != "linux", reason="threads have their own ids")
def test_ends_on_a_signal_that_does_not_wake_the_main_thread(tmp_path):
    """A signal is not lost that another thread of the server receives."""
    server = spawn(0, tmp_path, "")
    wait_until_ready(server, tmp_path / "server.log", 30)
    threads = [int(path.name) for path in Path(f"/proc/{server.pid}/task").iterdir()]
    other = next(thread for thread in threads if thread != server.pid)
    ctypes.CDLL(None).tgkill(server.pid, other, signal.SIGTERM)
    assert server.wait(10) == 0
    end(server)


def test_the_console_script_reports_its_address_and_leaves_nothing(tmp_path):
    """Without a folder the server makes one, and removes it at its end."""
    server = subprocess.Popen(
        [SCRIPT, "--port", "0", "--memory"],
        stdout=subprocess.PIPE,
        env={"TMPDIR": str(tmp_path)},
    )
    try:
        line = server.stdout.readline().decode()
        assert line.startswith("AWS_ENDPOINT_URL=http://127.0.0.1:")
        port = int(line.rpartition(":")[2])
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        assert [path.name[:12] for path in tmp_path.iterdir()] == ["embedded-aws"]
    finally:
        end(server)
    assert server.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_a_wrong_call():
    """The command ends with exit code 2 and one line that says what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "embedded_aws", "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        f"embedded-aws: error: --port {port}: in use; choose another, or 0 for a free "
        "one"
    )
