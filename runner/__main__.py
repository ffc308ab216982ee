"""`python -m runner`, and the command `runner`."""

import sys

REMEDY = "activate .venv (`source .venv/bin/activate`) or run .venv/bin/runner"

# This file and the package's first one are read by whatever Python is called.
if sys.version_info < (3, 11):  # noqa: UP036, the call may be made with any Python
    sys.exit(
        f"error: this is Python {sys.version.split()[0]}, older than 3.11; {REMEDY}"
    )

try:
    from runner.cli import main
except KeyboardInterrupt:
    sys.exit(130)
except ModuleNotFoundError as error:
    if str(error.name).partition(".")[0] in ("runner", "lifecycle"):
        raise
    sys.exit(
        f"error: {error.name} is not installed for {sys.executable}; {REMEDY}; "
        "`make setup` makes it"
    )

if __name__ == "__main__":
    main()
