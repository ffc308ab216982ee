"""The errors of model.yaml, notebooks and files, beside those of `lifecycle.errors`.

LifecycleError                  exit code 1
├── CallError                   2  the call cannot be carried out as it stands
│   ├── SpecError                  model.yaml, or the folder that holds it
│   └── SignatureError             a notebook's cells, or the values given to them
├── NotebookError               1  a stage did not succeed
│   ├── CellError                  a cell raised an exception
│   ├── KernelDiedError            the kernel ended before the notebook did
│   ├── TimeLimitError             the notebook took longer than its time limit
│   ├── StoppedError               the run was stopped
│   ├── IncompleteError            not every cell ran
│   ├── ResultsError               the results cell lacks what the next stage needs
│   └── FailedGateError            a trained model fails its gates
├── RequirementsError           1  uv cannot resolve or install what a model requires
├── FileError                   1  a file of the run cannot be written
├── UnexpectedError             1  an exception that was not foreseen; its log is kept
├── GitHubError                 1  GitHub refuses a call, or does not answer
└── LocalAwsError               1  the embedded AWS cannot start, or has ended
"""

import errno
import os
import tempfile
import traceback
from pathlib import Path
from typing import TypeGuard

from lifecycle.errors import CallError, LifecycleError

# What reading a file raises that is not what it should be, because it was cut or
# changed, or because a notebook has written something else.
MALFORMED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
# Of an error that nothing foresaw.
TRACEBACK = "error.log"
FILE_REMEDIES = (
    ({errno.ENOSPC, errno.EDQUOT}, "make room on the disk"),
    ({errno.EFBIG}, "raise the limit for the size of a file, `ulimit -f`"),
    ({errno.EMFILE, errno.ENFILE}, "raise the limit for open files, `ulimit -n`"),
    ({errno.EACCES, errno.EPERM, errno.EROFS}, "give write access"),
    (
        {errno.ENOTDIR, errno.EEXIST},
        "move the file away that is in the place of a folder",
    ),
    ({errno.ENOENT}, "put it back"),
    ({errno.EISDIR}, "move the folder away that is in the place of a file"),
)
# What an error of the system says of files and of output, though it may name none.
OF_FILES = frozenset(number for numbers, _ in FILE_REMEDIES for number in numbers)


class SpecError(CallError):
    """Refuse a model whose folder or `model.yaml` is wrong."""


class SignatureError(CallError):
    """Refuse a notebook whose cells, or the values given to it, do not fit."""


class NotebookError(LifecycleError):
    """Report a stage that did not succeed, and where its notebook was kept."""

    def __init__(self, message: str, *, path: Path | None = None) -> None:
        super().__init__(message)
        self.path = path


class CellError(NotebookError):
    """Report the cell that raised an exception."""


class KernelDiedError(NotebookError):
    """Report a kernel that ended before the notebook did."""


class TimeLimitError(NotebookError):
    """Report a notebook that took longer than its time limit."""


class StoppedError(NotebookError):
    """Report a notebook whose run was stopped."""


class IncompleteError(NotebookError):
    """Report a notebook in which not every cell ran."""


class ResultsError(NotebookError):
    """Report a results cell that lacks what the next stage needs."""


class FailedGateError(NotebookError):
    """Report a trained model that fails its gates, by the runner's own judgement."""


class RequirementsError(LifecycleError):
    """Report requirements that uv cannot resolve or install, with its reason."""


class FileError(LifecycleError):
    """Report a file that cannot be written, or that is not there."""

    @classmethod
    def of(cls, error: OSError, path: Path) -> "FileError":
        """Say why a file cannot be written or read, and what to do.

        Args:
            path: of the file, if the error names none.
        """
        named = Path(os.fsdecode(error.filename or path))
        where = display_path(named)
        why = error.strerror or str(error)
        known = (one for numbers, one in FILE_REMEDIES if error.errno in numbers)
        remedy = next(known, "make room or give access")
        what = f"cannot be written, {why}"
        if error.errno == errno.ENOENT:
            what = "is not there" if named.parent.exists() else "its folder is gone"
        return cls(f"{where}: {what}; {remedy}, and run the same command again")


class UnexpectedError(LifecycleError):
    """Report an exception that nothing foresaw, and where its traceback is."""


class GitHubError(LifecycleError):
    """Report a call that GitHub refused or did not answer."""


class LocalAwsError(LifecycleError):
    """Report an embedded AWS that cannot start or has ended."""


def is_of_file(error: Exception) -> TypeGuard[OSError]:
    """Return whether an error is of a file or of the output, and not of a network."""
    return isinstance(error, OSError) and (
        error.filename is not None or error.errno in OF_FILES
    )


def keep_traceback(error: Exception, *folders: Path) -> UnexpectedError:
    """Keep the traceback of an error for whoever will mend it, without secrets.

    Args:
        folders: where to keep it as error.log; the first that can be written, else
            where temporary files are.
    """
    from secret_scrubber import Scrubber

    scrubber = Scrubber.from_environment(os.environ)
    text = scrubber.text("".join(traceback.format_exception(error)))
    first = scrubber.text(f"{type(error).__name__}: {error}").partition("\n")[0]
    lost = ""
    for folder in (*folders, None):
        try:
            path = (folder or Path(tempfile.mkdtemp(prefix="runner-"))) / TRACEBACK
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError as why:
            lost = lost or f"{display_path(folder or Path())}: {why.strerror}"
        else:
            where = display_path(path)
            return UnexpectedError(f"{first}; the traceback is in {where}: report it")
    return UnexpectedError(f"{first}; its traceback cannot be kept: {lost}")


def display_path(path: Path) -> Path:
    """Return a path as the reader sees it: relative to the current folder if below."""
    try:
        here = Path.cwd()
    except OSError:
        # It was removed.
        return path
    return path.relative_to(here) if path.is_relative_to(here) else path
