"""Where AWS is: embedded, at AWS_ENDPOINT_URL, or the real one; and `runner local`."""

import os
import signal
import socket
import subprocess
import sys

import click
import psutil
import pytest

from lifecycle.aws import client
from lifecycle.errors import AwsError, ConfigurationError
from runner.cli.local import (
    aws_at,
    is_on_this_machine,
    require_running,
    target_option,
)

ENDED = "error: the embedded AWS ended by itself"
# What a command kills: the youngest embedded AWS of the process that called it.
KILL = """\
import os, sys, time, psutil
servers = [
    one
    for one in psutil.Process(os.getppid()).children()
    if "embedded_aws" in one.cmdline()
]
server = max(servers, key=psutil.Process.create_time)
server.kill()
for _ in range(3000):
    # Its other threads may take longer, and until then its parent learns nothing.
    if server.status() == psutil.STATUS_ZOMBIE and server.num_threads() <= 1:
        break
    time.sleep(0.01)
sys.exit(int(sys.argv[1]))
"""


def test_help_shows_one_example_a_line(invoke):
    """They can be copied."""
    lines = [line.strip() for line in invoke("local", "--help").output.splitlines()]

    assert "python -m runner local --port 5000" in lines
    assert lines[-1] == "python -m runner local -- jupyter lab"


@pytest.mark.parametrize(
    ("circleci", "arguments", "target"),
    [
        (False, [], "local"),
        (True, [], "aws"),
        (True, ["--target", "local"], "local"),
        (False, ["--target", "aws"], "aws"),
    ],
)
def test_only_circleci_means_aws(monkeypatch, circleci, arguments, target):
    """Elsewhere a real account is reached with `--target aws` only."""
    if circleci:
        monkeypatch.setenv("CIRCLECI", "true")
    probe = click.command()(target_option(lambda target: target))

    with probe.make_context("probe", list(arguments)) as context:
        assert context.params == {"target": target}


def test_local_starts_an_aws_and_ends_it(monkeypatch):
    """The environment is as before, even after an error; meanwhile work is done."""
    done = []
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")

    seen = {}

    def fail():
        with aws_at("local", lambda: done.append(1)):
            seen.update(os.environ)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    url, key = seen["AWS_ENDPOINT_URL"], seen["AWS_ACCESS_KEY_ID"]
    assert url.startswith("http://127.0.0.1:")
    assert key != "mine"
    assert os.environ["AWS_ACCESS_KEY_ID"] == "mine"
    assert "AWS_ENDPOINT_URL" not in os.environ
    assert done == [1]
    host, port = url.removeprefix("http://").split(":")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((host, int(port)), timeout=30)


@pytest.mark.parametrize(
    ("target", "url"), [("local", "http://127.0.0.1:1"), ("aws", "")]
)
def test_an_aws_that_is_there_is_used_as_it_is(monkeypatch, target, url):
    """The real one, or that of `runner local` in another terminal."""
    done = []
    if url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    before = dict(os.environ)

    with aws_at(target, lambda: done.append(1)):
        assert dict(os.environ) == before

    assert done == [1]


@pytest.mark.parametrize(
    ("target", "url", "here"),
    [
        ("local", "", True),
        ("local", "http://127.0.0.1:5000", True),
        ("local", "https://vpce-1.sagemaker.us-east-1.vpce.amazonaws.com", False),
        ("aws", "", False),
        ("aws", "http://127.0.0.1:5000", False),
    ],
)
def test_only_this_machine_implies_an_approval(monkeypatch, target, url, here):
    """An endpoint elsewhere may be a real account's, where a person approves."""
    if url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)

    assert is_on_this_machine(target) is here


def test_a_refusal_of_aws_is_one_line(aws):
    """Of which the class is this project's."""
    refused = pytest.raises(AwsError, match="AWS refuses DescribeEndpoint: Validation")
    with refused, aws_at("local"):
        client("sagemaker").describe_endpoint(EndpointName="nobody")


def test_an_aws_that_does_not_answer_is_named(aws, monkeypatch):
    """The error says how to start one at that address."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    silent = pytest.raises(
        AwsError, match=r"nothing answers at .*:9; start .* --port 9"
    )
    with silent, aws_at("local"):
        client("sts").get_caller_identity()


def test_a_verb_does_not_look_into_an_empty_aws(monkeypatch):
    """`approve` without a running AWS says how to start one."""
    with pytest.raises(ConfigurationError, match="python -m runner local"):
        require_running("local")

    require_running("aws")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    require_running("local")


def test_a_server_that_ends_is_reported_in_one_line():
    """`local` ends with it, with exit code 1."""
    command = [sys.executable, "-m", "runner", "local"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while not process.stdout.readline().startswith("#"):
            assert process.poll() is None
        children = psutil.Process(process.pid).children()
        server = next(one for one in children if "embedded_aws" in one.cmdline())
        server.send_signal(signal.SIGKILL)
        _, errors = process.communicate(timeout=60)

    assert process.returncode == 1
    assert errors.startswith(ENDED)
    assert errors.count("\n") == 1


@pytest.mark.parametrize(("code", "expected"), [(0, 1), (7, 7)])
def test_a_server_that_ends_under_a_command_is_reported_after_it(
    invoke, code, expected
):
    """A command that failed keeps its exit code; one that succeeded has failed, too."""
    answer = invoke("local", "--", sys.executable, "-c", KILL, str(code))

    assert answer.exit_code == expected
    assert answer.stderr.startswith(f"{ENDED}, by SIGKILL")
    assert answer.stderr.count("\n") == 1


def test_a_command_runs_with_aws_and_returns_its_exit_code(invoke):
    """Nothing else is printed."""
    script = "import os, sys; sys.exit(len(os.environ['AWS_ENDPOINT_URL']) > 7)"

    answer = invoke("local", "--", sys.executable, "-c", script)

    assert (answer.exit_code, answer.output) == (1, "")


def test_a_port_in_use_is_a_wrong_call(invoke):
    """The error names the option and the remedy."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = invoke("local", "--port", str(port))

    assert answer.exit_code == 2
    assert answer.stderr == (
        f"error: --port {port}: in use; choose another, or 0 for a free one\n"
    )


def test_a_command_that_is_not_there_is_named(invoke):
    """Before a server is started."""
    answer = invoke("local", "--", "no-such-command")

    assert answer.exit_code == 2
    assert answer.stderr == "error: no-such-command: command not found\n"
