"""Serve the embedded AWS: `embedded-aws --port 5000`, or `python -m embedded_aws`.

`embedded-aws pull sklearn:1.9-0` makes the environment of an image, for scripts.
"""

import argparse
import gc
import sqlite3
import sys
from pathlib import Path

from embedded_aws import images
from embedded_aws.images import ImageError
from embedded_aws.process import EmbeddedAWSError, PortError, check_port
from embedded_aws.state import StateError

FOLDER = ".embedded-aws"


def main() -> None:
    """Serve until interrupted, or until what the options say; or pull an image."""
    arguments = parse_arguments()
    if arguments.command == "pull":
        try:
            pull(arguments)
        except ImageError as error:
            refuse(str(error))
        return
    # All that is imported stays: to look for garbage in it is a seventh of the start.
    gc.disable()
    # Imports moto and its services, which `--help` needs not.
    from embedded_aws.server import serve_folder, serve_in_memory

    if arguments.memory:
        serve_in_memory(
            arguments.port,
            arguments.folder,
            until_stdin_closes=arguments.until_stdin_closes,
        )
        return
    folder = arguments.folder or Path(FOLDER)
    try:
        serve_folder(arguments.port, folder, idle_minutes=arguments.idle_minutes)
    except (EmbeddedAWSError, StateError) as error:
        refuse(str(error))
    except sqlite3.Error as error:
        refuse(f"{folder}: its state is damaged, {error}; remove it to begin anew")
    except OSError as error:
        refuse(f"{folder}: {error.strerror}; free some space, or choose another folder")


def parse_arguments() -> argparse.Namespace:
    """Parse the command line; a port that cannot be used is a wrong call."""
    parser = argparse.ArgumentParser(prog="embedded-aws", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument(
        "--folder", type=Path, help=f"where its state is kept; else {FOLDER}, here"
    )
    parser.add_argument("--memory", action="store_true", help="keep nothing")
    parser.add_argument(
        "--idle-minutes", type=float, help="end when nobody used it for so long"
    )
    parser.add_argument("--until-stdin-closes", action="store_true")
    commands = parser.add_subparsers(dest="command", title="commands")
    add_pull(commands.add_parser("pull", help="make the environment of an image"))
    arguments = parser.parse_args()
    try:
        check_port(arguments.port)
    except PortError as error:
        parser.error(str(error))
    return arguments


def add_pull(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `pull`."""
    parser.description = "Make the environment in which an image's scripts run."
    parser.add_argument(
        "image", nargs="*", help="sklearn:1.9-0, or a URI; none lists those there are"
    )
    parser.add_argument(
        "--requirements", type=Path, help="what an image of your own installs"
    )
    parser.add_argument("--python", help="its version of Python, or an interpreter")
    parser.add_argument(
        "--environment",
        type=Path,
        metavar="PYTHON",
        help="use the environment of this interpreter as it is, and make none",
    )


def pull(arguments: argparse.Namespace) -> None:
    """Make the environments of images, or list which there are."""
    for name in arguments.image:
        if arguments.environment:
            made = images.use_environment(name, arguments.environment)
        else:
            made = images.pull(name, arguments.requirements, arguments.python)
        print(f"{made.image}: {made.python}")
    if not arguments.image:
        for name in images.known_images():
            state = images.find(name).python if images.is_pulled(name) else "not pulled"
            print(f"{name}  {state}")


def refuse(reason: str) -> None:
    """Say why nothing is served, also to a parent that reads standard output."""
    print(f"embedded-aws: error: {reason}", file=sys.stderr)
    if not sys.stdout.isatty():
        print(reason, flush=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
