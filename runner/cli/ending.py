"""How a command ends: with one line and an exit code, whatever stops it."""

import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import click

from lifecycle.errors import CallError, LifecycleError
from runner.cli.output import echo
from runner.errors import FileError, UnexpectedError, is_of_file, keep_traceback
from runner.spec.folders import find_root

# Without one of these it is the repository that is broken, and not its environment.
OWN_PACKAGES = ("runner", "lifecycle")


def prepare() -> None:
    """Let every character be printed, and threads that fail say so in one line.

    A terminal that has no letter for a character gets its code.
    """
    threading.excepthook = _tell_of_thread
    for stream in (sys.stdout, sys.stderr):
        # A stream that was closed is None, and one of a test may have no encoding.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def one_line(command: str) -> Iterator[None]:
    """End the process with one line and an exit code, if anything stops the block.

    Args:
        command: as it was called, for its `--help`.
    """
    try:
        yield
    except LifecycleError as error:
        _end(error, error.exit_code)
    except click.ClickException as error:
        _end_wrong_call(error, command)
    except click.exceptions.Exit:
        raise
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        if package in OWN_PACKAGES:
            _end_unexpectedly(error)
        # Not by `echo`, which may need the package itself.
        click.echo(
            f"error: {package} is not installed for {sys.executable}; activate "
            ".venv or run .venv/bin/runner; `make setup` installs what is missing",
            err=True,
        )
        sys.exit(CallError.exit_code)
    except (KeyboardInterrupt, click.Abort):
        with suppress(OSError):
            echo("interrupted", err=True)
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:
        # Whoever read has seen enough, as `head` does.
        _discard_output()
        sys.exit(LifecycleError.exit_code)
    except OSError as error:
        if not is_of_file(error):
            _end_unexpectedly(error)
        _end_for_the_system(error)
    except Exception as error:  # noqa: BLE001
        # The outermost net. What nobody foresaw is a mistake of the runner: the line
        # says where its traceback is kept.
        _end_unexpectedly(error)


def _tell_of_thread(ended: threading.ExceptHookArgs) -> None:
    """Report a thread of a library that ended early, as where files run out."""
    if isinstance(ended.exc_value, Exception):
        with suppress(OSError):
            echo(f"warning: {_unexpected(ended.exc_value)}", err=True)


def flush_output() -> None:
    """Write what is still to be written, while an error can be told."""
    if sys.stdout is not None and not sys.stdout.closed:
        sys.stdout.flush()


def _end(error: object, code: int) -> NoReturn:
    # Where even the error finds no room, the exit code tells of it.
    with suppress(OSError):
        echo(f"error: {error}", err=True)
    sys.exit(code)


def _end_wrong_call(error: click.ClickException, command: str) -> NoReturn:
    """Say what click does not understand; a command without a verb shows its help."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        sys.exit(error.exit_code)
    message = " ".join(error.format_message().split())
    if isinstance(error, click.UsageError):
        verb = error.ctx.command_path if error.ctx else command
        message += f" See `{verb} --help`."
    _end(message, error.exit_code)


def _end_for_the_system(error: OSError) -> NoReturn:
    """Say which file, or that the output, cannot be written or read."""
    if error.filename is None and error.errno in (errno.ENOSPC, errno.EFBIG):
        _discard_output()
    said = FileError.of(error, Path("output"))
    _end(said, said.exit_code)


def _end_unexpectedly(error: Exception) -> NoReturn:
    _end(_unexpected(error), UnexpectedError.exit_code)


def _unexpected(error: Exception) -> UnexpectedError:
    """Keep the traceback in build/, or where temporary files are, and say so."""
    folders = []
    with suppress(CallError, OSError):
        folders = [find_root() / "build"]
    return keep_traceback(error, *folders)


def _discard_output() -> None:
    """Send the rest of the output nowhere: Python would try to write it at its end."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
