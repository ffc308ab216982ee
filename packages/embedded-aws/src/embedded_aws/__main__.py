"""Serve the embedded AWS: `embedded-aws --port 5000`, or `python -m embedded_aws`."""

import argparse
import gc
from pathlib import Path

from embedded_aws.process import PortError, check_port


def main() -> None:
    """Serve until interrupted, or until standard input closes if told so."""
    parser = argparse.ArgumentParser(prog="embedded-aws", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--folder", type=Path, help="for its files, instead of its own")
    parser.add_argument("--until-stdin-closes", action="store_true")
    arguments = parser.parse_args()
    try:
        check_port(arguments.port)
    except PortError as error:
        parser.error(str(error))
    # All that is imported stays: to look for garbage in it is a seventh of the start.
    gc.disable()
    # Imports moto and its services, which `--help` needs not.
    from embedded_aws.server import serve

    serve(
        arguments.port,
        arguments.folder,
        until_stdin_closes=arguments.until_stdin_closes,
    )


if __name__ == "__main__":
    main()
