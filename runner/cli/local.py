"""Choose between the embedded AWS, AWS_ENDPOINT_URL and real AWS.

The embedded AWS is started here and nowhere else.
"""

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from lifecycle.errors import CallError, ConfigurationError
from runner.errors import LocalAwsError

if TYPE_CHECKING:
    from embedded_aws import EmbeddedAWS

TARGETS = ("local", "aws")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# click wraps no lines of a paragraph that begins with a backspace.
EXAMPLES = """\
\b
Examples:
  python -m runner local --port 5000
  python -m runner local -- jupyter lab
"""


def target_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--target` to a verb that talks to AWS."""
    return click.option(
        "--target",
        type=click.Choice(TARGETS),
        default=lambda: "aws" if os.environ.get("CIRCLECI") else "local",
        show_default="local, in CircleCI aws",
        help="The embedded AWS (or the one at AWS_ENDPOINT_URL), or AWS.",
    )(command)


def is_on_this_machine(target: str) -> bool:
    """Return whether AWS is embedded, here or in another process of this machine."""
    url = os.environ.get("AWS_ENDPOINT_URL", "http://localhost")
    return target == "local" and urlsplit(url).hostname in LOOPBACK


@contextmanager
def aws_at(
    target: str, meanwhile: Callable[[], object] = lambda: None
) -> Iterator[None]:
    """Make AWS reachable for this process and the kernels that it starts.

    Args:
        meanwhile: work to do while the embedded AWS starts.
    """
    from lifecycle.aws import aws_errors

    with ExitStack() as stack:
        if target == "local" and not os.environ.get("AWS_ENDPOINT_URL"):
            with ThreadPoolExecutor(1) as thread:
                done = thread.submit(meanwhile)
                embedded = stack.enter_context(_embedded_aws())
                done.result()
            stack.enter_context(_environment(embedded.environment))
        else:
            meanwhile()
        stack.enter_context(aws_errors())
        yield


def require_running(target: str) -> None:
    """Refuse a verb that would look into an embedded AWS that starts empty."""
    if target == "local" and not os.environ.get("AWS_ENDPOINT_URL"):
        raise ConfigurationError(
            "AWS_ENDPOINT_URL is not set: start `python -m runner local` and export "
            "what it prints, or say --target aws"
        )


@click.command("local", epilog=EXAMPLES)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0: any free.")
@click.argument("around", metavar="[COMMAND]...", nargs=-1, type=click.UNPROCESSED)
def local_command(port: int, around: tuple[str, ...]) -> None:
    """Serve the embedded AWS until interrupted, or while COMMAND runs."""
    if around and not shutil.which(around[0]):
        raise CallError(f"{around[0]}: command not found")
    with _embedded_aws(port) as embedded:
        if around:
            code = _run_command(around, embedded.environment)
            if embedded.process.poll() is not None:
                click.echo(f"error: {embedded.ending()}", err=True)
                code = code or LocalAwsError.exit_code
            click.get_current_context().exit(code)
        click.echo(f"AWS_ENDPOINT_URL={embedded.environment['AWS_ENDPOINT_URL']}")
        for name, value in embedded.environment.items():
            click.echo(f"export {name}={shlex.quote(value)}")
        click.echo("# the embedded AWS serves until Ctrl-C")
        embedded.process.wait()
        raise LocalAwsError(embedded.ending())


@contextmanager
def _embedded_aws(port: int = 0) -> "Iterator[EmbeddedAWS]":
    """Start the embedded AWS, and end it with the block."""
    # Installed on a developer's machine; CircleCI's jobs talk to AWS.
    from embedded_aws import EmbeddedAWSError, PortError, start

    try:
        embedded = start(port=port)
    except PortError as error:
        raise CallError(str(error)) from error
    except EmbeddedAWSError as error:
        raise LocalAwsError(str(error)) from error
    with embedded:
        yield embedded


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables, and restore them."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _run_command(around: tuple[str, ...], environment: dict[str, str]) -> int:
    """Run a command and return its exit code; SIGTERM is passed on to it."""
    with subprocess.Popen(around, env=os.environ | environment) as process:
        # Ctrl-C reaches the command too, which answers it.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            code = process.wait()
        except SystemExit:
            process.terminate()
            raise
        finally:
            signal.signal(signal.SIGINT, before)
    return code if code >= 0 else 128 - code
