"""Serve the embedded AWS: `python -m embedded_aws --port 5000`."""

import argparse
import gc
from pathlib import Path


def main() -> None:
    """Serve until interrupted, or until standard input closes if told so."""
    parser = argparse.ArgumentParser(prog="python -m embedded_aws")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--folder", type=Path, help="for its files, instead of its own")
    parser.add_argument("--until-stdin-closes", action="store_true")
    call = parser.parse_args()
    # All that is imported stays: to look for garbage in it is a seventh of the start.
    gc.disable()
    from embedded_aws.server import serve

    serve(call.port, call.folder, until_stdin_closes=call.until_stdin_closes)


if __name__ == "__main__":
    main()
