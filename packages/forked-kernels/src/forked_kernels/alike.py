"""Whether a fork would be what a command starts: the same Python, as it began."""

import os
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

LAUNCHER = ["-m", "ipykernel_launcher"]
# What modules read when they are called. A kernel with any other variable changed
# starts cold: a module may have read it while it was imported.
READ_LATE = ("AWS_", "SAGEMAKER_", "JPY_", "CIRCLE", "NO_PROXY", "PYTEST_CURRENT_TEST")


def installed() -> frozenset[str]:
    """Name what is installed, with its versions."""
    folders = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
    return frozenset(path.name for one in folders for path in one.glob("*.dist-info"))


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """What there was when the process began that kernels are forked from."""

    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    packages: frozenset[str] = field(default_factory=installed)

    def unlike(self, command: Sequence[str], env: Mapping[str, str]) -> str:
        """Say why a fork would not be what this command starts, if it would not."""
        if list(command[: 1 + len(LAUNCHER)]) != [sys.executable, *LAUNCHER]:
            return f"the kernel is started by {command[0]}, not by this Python"
        for name in sorted({*env, *self.environment}):
            same = env.get(name) == self.environment.get(name)
            if not same and not name.upper().startswith(READ_LATE):
                return f"the environment variable {name} was changed"
        changed = sorted(installed() ^ self.packages)
        if changed:
            package = changed[0].removesuffix(".dist-info")
            return f"{package} was installed or removed; what is imported is older"
        return ""


def arguments(command: Sequence[str]) -> list[str]:
    """Give what the command tells the launcher."""
    return list(command[1 + len(LAUNCHER) :])
