"""What can go wrong, each with the exit code it deserves.

RunnerError                     1
├── CallError                   2  the call cannot be carried out as it stands
│   ├── SpecError                  model.yaml, or the folder that holds it
│   ├── SignatureError             a notebook's cells, or the values given to them
│   └── ConfigurationError         the environment: bucket, role, region, credentials
├── NotebookError               1  a stage did not succeed
│   ├── CellError                  a cell raised
│   ├── KernelDiedError            the kernel ended before the notebook did
│   ├── TimeLimitError             the notebook took longer than it may
│   ├── StoppedError               the run was told to stop
│   ├── IncompleteError            not every cell ran
│   └── ResultsError               the results cell did not give what comes next needs
├── FileError                   1  a file of the run cannot be written
├── AwsError                    1  AWS refuses a call, or does not answer
├── StorageError                1  S3 lacks an object, or refuses it
├── DataError                   1  the data is not what the notebook was written for
├── TrainingError               1  a training job did not complete
├── RegistryError               1  the model registry refuses or lacks something
│   └── NotApprovedError           nothing approved matches this content
├── EndpointError               1  the endpoint does not serve what was asked for
├── GitHubError                 1  GitHub refuses a call, or does not answer
└── EmbeddedError               1  the embedded AWS
    └── ModelLoadError             a model archive that the model server cannot load
"""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from reprlib import Repr

# How alike two words must be for one to be meant by the other.
NEAR = 0.6
LONGEST = 100


class RunnerError(Exception):
    """Stop the command with one line that names the thing, the place and the remedy."""

    exit_code = 1


class CallError(RunnerError):
    """Refuse a call that cannot be carried out as it stands."""

    exit_code = 2


class SpecError(CallError):
    """Refuse a model whose folder or `model.yaml` is wrong."""


class SignatureError(CallError):
    """Refuse a notebook whose cells, or the values given to it, do not fit."""


class ConfigurationError(CallError):
    """Refuse an environment that lacks a bucket, a role, a region or credentials."""


class NotebookError(RunnerError):
    """Report a stage that did not succeed, and where its notebook was kept."""

    def __init__(self, message: str, *, path: Path | None = None) -> None:
        super().__init__(message)
        self.path = path


class CellError(NotebookError):
    """Report the cell that raised."""


class KernelDiedError(NotebookError):
    """Report a kernel that ended before the notebook did."""


class TimeLimitError(NotebookError):
    """Report a notebook that took longer than it may."""


class StoppedError(NotebookError):
    """Report a notebook whose run was told to stop."""


class IncompleteError(NotebookError):
    """Report a notebook in which not every cell ran."""


class ResultsError(NotebookError):
    """Report a results cell that did not give what comes next needs."""


class FileError(RunnerError):
    """Report a file that cannot be written."""


class AwsError(RunnerError):
    """Report a call that AWS refused, or did not answer."""


class StorageError(RunnerError):
    """Report what S3 lacks or refuses."""


class DataError(RunnerError):
    """Report data that is not what the notebook was written for."""


class TrainingError(RunnerError):
    """Report a training job that did not complete."""


class RegistryError(RunnerError):
    """Report what the model registry refuses or lacks."""


class NotApprovedError(RegistryError):
    """Report that no approved package has the content that was asked for."""


class EndpointError(RunnerError):
    """Report an endpoint that does not serve what was asked for."""


class GitHubError(RunnerError):
    """Report a call that GitHub refused, or did not answer."""


class EmbeddedError(RunnerError):
    """Report what the embedded AWS cannot do."""


class ModelLoadError(EmbeddedError):
    """Report a model archive that the model server cannot load."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Suggest the nearest known word, or list them all where none is near."""
    names = sorted(known)
    near = get_close_matches(word, names, n=1, cutoff=NEAR)
    # A beginning, as of `train-register`, is meant too, however short it is.
    near += [name for name in names if word and name.startswith(word)]
    if near:
        return f"did you mean {near[0]!r}?"
    return "known: " + (", ".join(names) or "none")


def as_written(value: object) -> str:
    """Show a value as it may be written in YAML, on one line and not too long."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    short = Repr()
    short.maxstring = short.maxother = LONGEST
    return short.repr(value)
