"""What starts warm behaves as if Python itself had started it."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import warm_python
from embedded_aws.process import server_environment

LIMIT_SECONDS = 60


@contextmanager
def serving(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start the embedded AWS warm, until its address and token are known."""
    command = (warm_python.executable(), "-m", "embedded_aws", "--memory")
    with subprocess.Popen(
        [*command, "--until-stdin-closes"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=server_environment(),
        cwd=folder,
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline().startswith(b"AWS_ENDPOINT_URL=")
            assert process.stdout.readline().startswith(b"EMBEDDED_AWS_TOKEN=")
            yield process
            assert process.stdout.read() == b""
        finally:
            process.kill()


@pytest.mark.parametrize(
    "arguments",
    [
        ("-m", "runner", "list", "--json"),
        ("-m", "runner", "nonsense"),
        ("-m", "runner", "show", "nobody"),
        ("-c", "import sys; print(sys.argv, sys.stdin.read()); sys.exit(3)"),
    ],
)
def test_a_process_says_the_same_and_ends_as_a_cold_one(
    toy_repository: Path, arguments: tuple[str, ...]
) -> None:
    """In the same folder, with the same environment."""
    cold, warm = (
        subprocess.run(
            [python, *arguments],
            input="input",
            cwd=toy_repository,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
        )
        for python in (sys.executable, warm_python.executable())
    )

    assert (warm.returncode, warm.stdout) == (cold.returncode, cold.stdout)
    told = warm.stderr.replace(warm_python.executable(), sys.executable)
    assert told == cold.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_passed_on(tmp_path: Path, number: int) -> None:
    """The process ends in its own way, and its code is passed back."""
    with serving(tmp_path) as process:
        process.send_signal(number)
        assert process.wait(LIMIT_SECONDS) == 0


def test_who_kills_the_program_kills_the_process(tmp_path: Path) -> None:
    """Nothing goes on that nobody waits for: its output ends."""
    with serving(tmp_path) as process:
        process.kill()
        assert process.wait(LIMIT_SECONDS) == -signal.SIGKILL


def test_open_files_are_those_of_the_caller(tmp_path: Path) -> None:
    """A process that ends when its standard input does sees that."""
    with serving(tmp_path) as process:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(LIMIT_SECONDS) == 0
