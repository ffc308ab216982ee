"""What a training job prints, and which paths it may name."""

import logging
import sys
import sysconfig
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

FORMAT = "[%(asctime)s:%(levelname)s] %(message)s"
TIME_FORMAT = "%Y-%m-%d:%H:%M:%S"
SCHEMES = ("purelib", "platlib", "stdlib", "platstdlib")


@dataclass(frozen=True)
class Paths:
    """What to write instead of a path of this machine."""

    shown: Mapping[str, str] = field(default_factory=dict)

    def hide(self, text: str) -> str:
        """Write every path as it reads in the image."""
        for real, name in self.shown.items():
            text = text.replace(real, name)
        return text


def library_paths() -> Paths:
    """Show installed files without the folder that they are installed in."""
    folders = {sysconfig.get_path(scheme) for scheme in SCHEMES}
    folders.add(str(Path(__file__).parents[2]))
    # The longest first: one path may lie inside another.
    return Paths({f"{path}/": "" for path in sorted(folders, key=len, reverse=True)})


def paths_of(root: Path, links: Path) -> Paths:
    """Show the root as /opt/ml, the folder of links where the image has it."""
    # The folder of links lies inside the root.
    own = {str(links): "/tmp/sagemaker_xgboost_input_data", str(root): "/opt/ml"}
    return Paths({**own, **library_paths().shown})


class HidingFormatter(logging.Formatter):
    """Write a line as the image does, without a path of this machine."""

    def __init__(self, paths: Paths) -> None:
        super().__init__(FORMAT, TIME_FORMAT)
        self.paths = paths

    def format(self, record: logging.LogRecord) -> str:
        """Write one line."""
        return self.paths.hide(super().format(record))


def configure_logging(paths: Paths) -> None:
    """Send log lines and warnings to the standard error, paths hidden."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(HidingFormatter(paths))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        text = warnings.formatwarning(message, category, filename, lineno, line)
        print(paths.hide(text), end="", file=file or sys.stderr, flush=True)

    warnings.showwarning = show
