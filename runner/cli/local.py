"""Choose between the embedded AWS, AWS_ENDPOINT_URL and real AWS.

The embedded AWS is started here and nowhere else: one for all commands of a clone,
which keeps its state in the clone.
"""

import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from lifecycle.errors import CallError, LifecycleError, did_you_mean
from runner.cli.output import echo
from runner.errors import LocalAwsError

if TYPE_CHECKING:
    from embedded_aws import RunningAWS

    from runner.spec.schema import ModelSpec

TARGETS = ("local", "aws")
# As NO_PROXY names this machine.
HERE = ("127.0.0.1", "localhost", "::1", "[::1]")
# What AWS's clients read: addresses, profiles, files, credentials, ways to get some.
READ_BY_CLIENTS = ("AWS_", "BOTO")
# Of these, what belongs to an AWS at an address that a person gives.
GIVEN = (
    "AWS_ENDPOINT_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
)
# Keeps the state somewhere else: on another disk, or away from what a test may touch.
FOLDER_VARIABLE = "EMBEDDED_AWS_FOLDER"
FOLDER = ".embedded-aws"
# Chooses the target of every verb, and of the notebooks that a person opens.
TARGET_VARIABLE = "RUNNER_TARGET"
POLL_SECONDS = 0.2
SEPARATED = f"{__name__}.separated"
# click wraps no lines of a paragraph that begins with a backspace.
EXAMPLES = """\
\b
Examples:
  python -m runner local --port 5000
  python -m runner local -- jupyter lab
  python -m runner local stop     end it now; its state stays
  python -m runner local reset    end it, and remove its state
  python -m runner local pull     make the environments of the models' images
"""


def target_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--target` to a verb that talks to AWS."""
    return click.option(
        "--target",
        type=click.Choice(TARGETS),
        default=default_target,
        show_default=f"{TARGET_VARIABLE}, or local, in CircleCI aws",
        help="This machine: the embedded AWS, or one at AWS_ENDPOINT_URL; or AWS.",
    )(command)


def default_target() -> str:
    """Return the target where none is given.

    Raises:
        CallError: RUNNER_TARGET names none.
    """
    target = os.environ.get(TARGET_VARIABLE)
    if not target:
        return "aws" if os.environ.get("CIRCLECI") else "local"
    if target not in TARGETS:
        raise CallError(f"{TARGET_VARIABLE}={target}: {did_you_mean(target, TARGETS)}")
    return target


@contextmanager
def aws_at(
    target: str, meanwhile: Callable[[], object] = lambda: None
) -> Iterator[None]:
    """Make AWS reachable for this process and the kernels that it starts.

    Local means this machine: of AWS's variables only those that lead there are left.

    Args:
        meanwhile: work to do while the embedded AWS starts.

    Raises:
        CallError: AWS_ENDPOINT_URL is no address, or with `local` none of this machine.
    """
    from lifecycle.aws import aws_errors

    url = _given_url(target)
    with ExitStack() as stack:
        if target == "local" and not url:
            with ThreadPoolExecutor(1) as thread:
                done = thread.submit(meanwhile)
                embedded = stack.enter_context(_embedded_aws())
                done.result()
            stack.enter_context(_environment(_lead_here(embedded.environment)))
            stack.enter_context(_tell_of_its_end(embedded))
        else:
            meanwhile()
        if target == "local" and url:
            stack.enter_context(_environment(_lead_here(_given_variables())))
        stack.enter_context(aws_errors())
        yield


def _given_url(target: str) -> str:
    """Return AWS_ENDPOINT_URL, or "" where it is not set."""
    url = os.environ.get("AWS_ENDPOINT_URL", "")
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        host, is_address = parts.hostname, parts.scheme in ("http", "https")
        # Reading a port checks it.
        is_address = is_address and bool(host) and parts.port != 0
    except ValueError:
        host, is_address = None, False
    if not is_address:
        raise CallError(
            f"AWS_ENDPOINT_URL={url}: is no address; give one as http://127.0.0.1:5000,"
            " or unset it"
        )
    if target == "local" and not _is_loopback(str(host)):
        raise CallError(
            f"AWS_ENDPOINT_URL={url}: is not on this machine, and the target is local; "
            "unset it, or say --target aws"
        )
    return url


def _is_loopback(host: str) -> bool:
    """Return whether a host is this machine, whatever its resolver says."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _given_variables() -> dict[str, str]:
    """Return what a person has set of the AWS at a loopback address."""
    needed = {"AWS_ACCESS_KEY_ID": "unused", "AWS_SECRET_ACCESS_KEY": "unused"}
    fixed = {
        # An account's profile may name other addresses, or be missing.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    given = {name: os.environ[name] for name in GIVEN if name in os.environ}
    return needed | given | fixed


def _lead_here(variables: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment, in which AWS is only what variables say."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(READ_BY_CLIENTS)
    }
    # A proxy, if one is set, is not for this machine.
    url = urlsplit(variables["AWS_ENDPOINT_URL"])
    direct = {
        name: ",".join(filter(None, (*HERE, url.hostname, os.environ.get(name))))
        for name in ("NO_PROXY", "no_proxy")
    }
    return {**kept, **variables, **direct}


@contextmanager
def _tell_of_its_end(embedded: "RunningAWS") -> Iterator[None]:
    """Name the end of the embedded AWS where it may be why the block failed."""
    try:
        yield
    except LifecycleError as error:
        if embedded.is_running():
            raise
        raise LocalAwsError(_ending(embedded)) from error
    if not embedded.is_running():
        # A run that ends with failed models is no exception.
        echo(f"note: {_ending(embedded)}", err=True)


def _ending(embedded: "RunningAWS") -> str:
    return f"{embedded.ending()}; the next command starts it again, with what it kept"


class LocalCommand(click.Command):
    """Notes whether `--` says that a command follows, and not a word of `local`'s."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[SEPARATED] = "--" in args
        return super().parse_args(ctx, args)


@click.command("local", cls=LocalCommand, epilog=EXAMPLES)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Where to serve; else where it was served last, or any free port.",
)
@click.option("--memory", is_flag=True, help="Serve another one, which keeps nothing.")
@click.argument("around", metavar="[COMMAND]...", nargs=-1, type=click.UNPROCESSED)
def local_command(port: int, memory: bool, around: tuple[str, ...]) -> None:
    """Serve the embedded AWS until interrupted, or use it while COMMAND runs.

    All commands in a clone share one, which keeps its state in .embedded-aws/. It is
    started when it is needed, and ends when nothing has used it for ten minutes.
    """
    separated = click.get_current_context().meta[SEPARATED]
    word = around[0] if len(around) == 1 and not separated else ""
    if word == "stop":
        _stop()
    elif word == "reset":
        _reset()
    elif word == "pull":
        _pull()
    elif not around:
        _serve(port, memory)
    elif shutil.which(around[0]):
        _wrap(port, memory, around)
    else:
        hint = did_you_mean(word, ("stop", "reset", "pull")) if word else ""
        near = f"; {hint}" if "mean" in hint else ""
        raise CallError(f"{around[0]}: command not found{near}")


def _serve(port: int, memory: bool) -> None:
    """Serve until interrupted, also where another command has started it."""
    # The block of the embedded AWS ends first: then this command uses it no more.
    with ExitStack() as after_use, _embedded_aws(port, memory) as embedded:
        if not memory:
            after_use.callback(_stop_if_unused, embedded.folder)
        click.echo(f"AWS_ENDPOINT_URL={embedded.url}")
        for name, value in embedded.environment.items():
            click.echo(f"export {name}={shlex.quote(value)}")
        leading = {
            one
            for one in os.environ
            if one.startswith(READ_BY_CLIENTS) and one.isidentifier()
        }
        if elsewhere := sorted(leading - embedded.environment.keys()):
            click.echo(f"unset {' '.join(elsewhere)}")
        again = "" if embedded.is_new else ", which runs already,"
        echo(f"# the embedded AWS{again} serves until Ctrl-C")
        while embedded.is_running():
            time.sleep(POLL_SECONDS)
        raise LocalAwsError(embedded.ending())


def _wrap(port: int, memory: bool, around: tuple[str, ...]) -> None:
    """Run a command, and exit with its code."""
    with _embedded_aws(port, memory) as embedded:
        code = _run_command(around, _lead_here(embedded.environment))
        if not embedded.is_running():
            echo(f"error: {embedded.ending()}", err=True)
            code = code or LocalAwsError.exit_code
    click.get_current_context().exit(code)


def _stop() -> None:
    from embedded_aws import stop

    folder = _folder()
    with _embedded_errors():
        ended = stop(folder)
    echo(f"stopped; its state stays in {folder}" if ended else "it does not run")


def _stop_if_unused(folder: Path) -> None:
    from embedded_aws import stop_if_unused

    with _embedded_errors():
        stop_if_unused(folder)


def _reset() -> None:
    from embedded_aws import reset

    folder = _folder()
    with _embedded_errors():
        size = reset(folder)
    echo(f"removed {size / 1e6:.1f} MB of state from {folder}")


def _pull() -> None:
    """Make the environments that the code of all models runs in, where they lack."""
    from embedded_aws import images

    from runner.spec.folders import find_root, model_folders
    from runner.spec.models import load_spec, runs_in_image

    root = find_root()
    specs = [load_spec(root, name) for name in model_folders(root)]
    wanted = {s.training.image.short_name for s in specs if runs_in_image(root, s)}
    for name in sorted(wanted):
        if images.is_pulled(name):
            continue
        echo(f"{name}: makes the environment of its code")
        try:
            images.pull(name)
        except images.ImageError as error:
            raise LocalAwsError(str(error)) from error


def check_images(root: Path, specs: "Iterable[ModelSpec]") -> None:
    """Check that the embedded AWS can run the code that models bring.

    Otherwise an endpoint would find it out, after the training.

    Raises:
        LocalAwsError: the environment of an image is not on this machine.
    """
    from runner.spec.models import runs_in_image

    needing = [spec for spec in specs if runs_in_image(root, spec)]
    if not needing or _given_url("local"):
        return
    from embedded_aws import images

    for spec in needing:
        try:
            images.find(spec.training.image.short_name)
        except images.ImageError as error:
            raise LocalAwsError(f"models/{spec.name}: {error}") from error


def _folder() -> Path:
    """Return where the embedded AWS of this clone keeps its state."""
    from runner.spec.folders import find_root

    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named).absolute() if named else find_root() / FOLDER


@contextmanager
def _embedded_aws(port: int = 0, memory: bool = False) -> "Iterator[RunningAWS]":
    """Use the embedded AWS of this clone in a block, or one that keeps nothing."""
    # Installed on a developer's machine; CircleCI's jobs talk to AWS.
    from embedded_aws import share, start

    with ExitStack() as stack:
        with _embedded_errors():
            used = start(port) if memory else share(_folder(), port)
            embedded = stack.enter_context(used)
        yield embedded


@contextmanager
def _embedded_errors() -> Iterator[None]:
    """Raise the errors of the embedded AWS as those of a verb."""
    from embedded_aws import EmbeddedAWSError, InUseError, PortError

    try:
        yield
    except PortError as error:
        raise CallError(str(error)) from error
    except InUseError as error:
        raise LocalAwsError(
            f"{error}; end it first: a run, JupyterLab, or `runner local` in a terminal"
        ) from error
    except EmbeddedAWSError as error:
        raise LocalAwsError(str(error)) from error


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Have these environment variables and no others, and put back what differs."""
    names = os.environ.keys() | variables.keys()
    before = {name: os.environ.get(name) for name in names}
    changed = [name for name in names if before[name] != variables.get(name)]
    _set_variables({name: variables.get(name) for name in changed})
    try:
        yield
    finally:
        _set_variables({name: before[name] for name in changed})


def _set_variables(values: Mapping[str, str | None]) -> None:
    """Set environment variables; None unsets one."""
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _run_command(around: tuple[str, ...], environment: Mapping[str, str]) -> int:
    """Run a command and return its exit code; SIGTERM is passed on to it."""
    with subprocess.Popen(around, env=environment) as process:
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
