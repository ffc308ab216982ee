"""`runner local`."""

import signal
import socket
import subprocess
import sys

import psutil
import pytest

LOCAL = [sys.executable, "-m", "runner", "local"]
ENDED = "error: the embedded AWS ended by itself"


def embedded_of(pid):
    """Find the server that a command has started."""
    children = psutil.Process(pid).children()
    return next(one for one in children if "embedded_aws" in one.cmdline())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_that_dies_is_told_in_one_line(number):
    """No traceback, and no success."""
    with subprocess.Popen(
        LOCAL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as command:
        while not command.stdout.readline().startswith("#"):
            pass
        embedded_of(command.pid).send_signal(number)
        _, said = command.communicate(timeout=30)
    assert command.returncode == 1
    assert said.startswith(ENDED)
    assert said.count("\n") == 1


@pytest.mark.parametrize(("code", "expected"), [(0, 1), (7, 7)])
def test_a_server_that_dies_under_a_command_is_told_after_it(code, expected):
    """The command's own failure keeps its exit code; its success is none."""
    script = (
        "import os, sys, psutil\n"
        "siblings = psutil.Process(os.getppid()).children()\n"
        "server = next(one for one in siblings if 'embedded_aws' in one.cmdline())\n"
        "server.kill()\n"
        "psutil.wait_procs([server], timeout=5)\n"
        f"sys.exit({code})\n"
    )
    command = [*LOCAL, "--", sys.executable, "-c", script]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert answer.returncode == expected
    assert answer.stderr.startswith(f"{ENDED}, by SIGKILL")
    assert answer.stderr.count("\n") == 1


def test_a_command_finds_aws_and_gives_its_exit_code():
    """While it runs the embedded AWS is there."""
    script = "import os, sys; sys.exit(len(os.environ['AWS_ENDPOINT_URL']) > 7)"
    command = [*LOCAL, "--", sys.executable, "-c", script]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (answer.returncode, answer.stdout, answer.stderr) == (1, "", "")


def test_a_port_in_use_is_a_wrong_call(invoke):
    """The line names the option and the remedy."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = invoke("local", "--port", str(port))
    assert answer.exit_code == 2
    assert answer.stderr == (
        f"error: --port {port}: in use; choose another, or 0 for a free one\n"
    )


def test_a_command_that_is_not_there_is_named(invoke):
    """No server is started for nothing."""
    answer = invoke("local", "--", "no-such-command")
    assert answer.exit_code == 2
    assert answer.stderr == "error: no-such-command: command not found\n"
