"""Whether a fork would be what a command starts: the same Python, as it began."""

import sys
from collections.abc import Mapping, Sequence

LAUNCHER = ["-m", "ipykernel_launcher"]
# What modules read when they are called. A kernel with any other variable changed
# starts cold: a module may have read it while it was imported.
READ_LATE = ("AWS_", "SAGEMAKER_", "JPY_", "CIRCLE", "NO_PROXY", "PYTEST_CURRENT_TEST")


def unlike(
    command: Sequence[str], env: Mapping[str, str], preloaded: Mapping[str, str]
) -> str:
    """Say why a fork would not be what this command starts, if it would not."""
    if list(command[: 1 + len(LAUNCHER)]) != [sys.executable, *LAUNCHER]:
        return f"the kernel is started by {command[0]}, not by this Python"
    for name in sorted({*env, *preloaded}):
        same = env.get(name) == preloaded.get(name)
        if not same and not name.upper().startswith(READ_LATE):
            return f"the environment variable {name} was changed"
    return ""


def arguments(command: Sequence[str]) -> list[str]:
    """Give what the command tells the launcher."""
    return list(command[1 + len(LAUNCHER) :])
