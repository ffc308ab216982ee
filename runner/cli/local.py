"""`runner local`: serve the embedded AWS alone, or around one command."""

import os
import shlex
import shutil
import signal
import subprocess

import click

from runner.cli.target import start_embedded
from runner.errors import CallError, EmbeddedError


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0: any free.")
@click.argument("around", metavar="[COMMAND]...", nargs=-1, type=click.UNPROCESSED)
def command(port: int, around: tuple[str, ...]) -> None:
    """Serve the embedded AWS until interrupted, or while COMMAND runs.

    \b
    python -m runner local --port 5000
    python -m runner local -- jupyter lab
    """
    if around and not shutil.which(around[0]):
        raise CallError(f"{around[0]}: command not found")
    with start_embedded(port) as embedded:
        if around:
            code = _run(around, embedded.environment)
            if embedded.process.poll() is not None:
                click.echo(f"error: {embedded.ending()}", err=True)
                code = code or EmbeddedError.exit_code
            click.get_current_context().exit(code)
        _announce(embedded.environment)
        embedded.process.wait()
        raise EmbeddedError(embedded.ending())


def _announce(environment: dict[str, str]) -> None:
    """Print the variables so that they can be read, copied and sourced."""
    click.echo(f"AWS_ENDPOINT_URL={environment['AWS_ENDPOINT_URL']}")
    for name, value in environment.items():
        click.echo(f"export {name}={shlex.quote(value)}")
    click.echo("# the embedded AWS serves until Ctrl-C")


def _run(around: tuple[str, ...], environment: dict[str, str]) -> int:
    """Run the command; Ctrl-C is the command's to answer, SIGTERM is passed on."""
    with subprocess.Popen(around, env=os.environ | environment) as process:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            code = process.wait()
        except SystemExit:
            process.terminate()
            raise
        finally:
            signal.signal(signal.SIGINT, before)
    return code if code >= 0 else 128 - code
