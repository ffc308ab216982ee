"""Where AWS is: the embedded one, the one at AWS_ENDPOINT_URL, or the real one."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from runner.errors import CallError, ConfigurationError, EmbeddedError
from runner.unreachable import THIS_MACHINE

if TYPE_CHECKING:
    from embedded_aws import EmbeddedAWS

TARGETS = ("local", "aws")


def default_target() -> str:
    """Choose AWS inside CircleCI and the embedded AWS everywhere else."""
    return "aws" if os.environ.get("CIRCLECI") else "local"


def on_this_machine(target: str) -> bool:
    """Tell whether AWS is embedded, here or in another process of this machine."""
    url = os.environ.get("AWS_ENDPOINT_URL", "http://localhost")
    return target == "local" and urlsplit(url).hostname in THIS_MACHINE


def target_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--target` to a verb that talks to AWS."""
    return click.option(
        "--target",
        type=click.Choice(TARGETS),
        default=default_target,
        show_default="local, in CircleCI aws",
        help="The embedded AWS (or the one at AWS_ENDPOINT_URL), or AWS.",
    )(command)


@contextmanager
def aws_at(
    target: str, meanwhile: Callable[[], object] = lambda: None
) -> Iterator[None]:
    """Keep AWS within reach of this process and the kernels it starts.

    Something else can be done meanwhile, where it has to be started first.
    """
    from runner.session import aws_errors

    with ExitStack() as stack:
        if target == "local" and not os.environ.get("AWS_ENDPOINT_URL"):
            with _beside(meanwhile):
                embedded = stack.enter_context(start_embedded())
            stack.enter_context(environment(embedded.environment))
        else:
            meanwhile()
        stack.enter_context(aws_errors())
        yield


def start_embedded(port: int = 0) -> "EmbeddedAWS":
    """Start the embedded AWS; its errors end the command like the runner's own."""
    from embedded_aws import EmbeddedAWSError, PortError, start

    try:
        return start(port=port)
    except PortError as error:
        raise CallError(str(error)) from error
    except EmbeddedAWSError as error:
        raise EmbeddedError(str(error)) from error


@contextmanager
def _beside(work: Callable[[], object]) -> Iterator[None]:
    """Do some work in a thread while this block waits for a process."""
    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(work)
        yield
        done.result()


def require_running(target: str) -> None:
    """Refuse a verb that would look into an embedded AWS born empty."""
    if target == "local" and not os.environ.get("AWS_ENDPOINT_URL"):
        raise ConfigurationError(
            "AWS_ENDPOINT_URL is not set: start `python -m runner local` and export "
            "what it prints, or say --target aws"
        )


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables, and put back what was there."""
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
