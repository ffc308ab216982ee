"""The image's errors, and texts without the paths of this machine.

ToolkitError
├── UserError           the caller of the training job can put it right
└── AlgorithmError      the algorithm did not expect it
"""

import sysconfig
from collections.abc import Mapping
from functools import cache
from pathlib import Path

# A failure file names the class with its module, as the image's own does.
MODULE = "sagemaker_algorithm_toolkit.exceptions"


class ToolkitError(Exception):
    """Stop the training job with one message."""

    def __init__(self, message: str, caused_by: Exception | None = None) -> None:
        if caused_by is not None:
            message += f" (caused by {type(caused_by).__name__})"
        super().__init__(message)


class UserError(ToolkitError):
    """Report what the caller of the training job can put right."""

    __module__ = MODULE


class AlgorithmError(ToolkitError):
    """Report what the algorithm did not expect."""

    __module__ = MODULE


def hide_paths(text: str, names: Mapping[str, str] | None = None) -> str:
    """Replace every path of this machine by what it is called in the image.

    `names` maps folders of this machine to those of the image; installed files lose the
    folder that they are installed in.
    """
    for path, name in {**(names or {}), **library_folders()}.items():
        text = text.replace(path, name)
    return text


@cache
def library_folders() -> Mapping[str, str]:
    """Map the folders that Python packages are installed in to nothing."""
    schemes = ("purelib", "platlib", "stdlib", "platstdlib")
    folders = {sysconfig.get_path(scheme) for scheme in schemes}
    folders.add(str(Path(__file__).parents[1]))
    # The longest first: one path may lie inside another.
    return {f"{path}/": "" for path in sorted(folders, key=len, reverse=True)}
