"""The errors that stop a command with one line: what is wrong, where, and the remedy.

LifecycleError                  exit code 1
├── CallError                   2  the call cannot be carried out as it stands
│   ├── ConfigurationError         the environment: bucket, role, region, credentials
│   └── GateError                  a gate that cannot be evaluated
├── AwsError                    1  AWS refuses a call, or does not answer
├── StorageError                1  an S3 object is missing or cannot be used
│   └── MissingObjectError         there is no such object
├── DataError                   1  the data is not what the notebook was written for
├── TrainingError               1  a training job did not complete
├── RegistryError               1  the model registry refuses or lacks something
│   ├── NotApprovedError           no package of this content was approved as it must be
│   └── IntegrityError             a package or an object is not as it was registered
└── EndpointError               1  the endpoint does not serve what was asked for

`runner.errors` adds those of model.yaml, notebooks, files and GitHub.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from reprlib import Repr

# The least similarity (difflib's ratio) at which one word is suggested for another.
SIMILARITY = 0.6
MAX_CHARACTERS = 100
# How many names a message lists.
MAX_LISTED = 30


class LifecycleError(Exception):
    """Stop the command with one line that names the thing, the place and the remedy."""

    exit_code = 1


class CallError(LifecycleError):
    """Refuse a call that cannot be carried out as it stands."""

    exit_code = 2


class ConfigurationError(CallError):
    """Refuse an environment that lacks a bucket, a role, a region or credentials."""


class GateError(CallError):
    """Refuse a gate that cannot be evaluated, for instance on an unknown metric."""


class AwsError(LifecycleError):
    """Report a call that AWS refused or did not answer."""


class StorageError(LifecycleError):
    """Report an S3 object that is missing or cannot be used."""


class MissingObjectError(StorageError):
    """Report an S3 object that is not there."""


class DataError(LifecycleError):
    """Report data that is not what the notebook was written for."""


class TrainingError(LifecycleError):
    """Report a training job that did not complete."""


class RegistryError(LifecycleError):
    """Report what the model registry refuses or lacks."""


class NotApprovedError(RegistryError):
    """Report that no package of the content that was asked for may be deployed."""


class IntegrityError(RegistryError):
    """Report a package or an object that differs from what was registered."""


class EndpointError(LifecycleError):
    """Report an endpoint that does not serve what was asked for."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Suggest the nearest known word, or list all of them if none is near."""
    names = sorted(known)
    near = get_close_matches(word, names, n=1, cutoff=SIMILARITY)
    # The beginning of a name, as of `train-register`, is near however short it is.
    near += [name for name in names if word and name.startswith(word)]
    if near:
        return f"did you mean {near[0]!r}?"
    return "known: " + (", ".join(names) or "none")


def list_names(names: Iterable[object], most: int = MAX_LISTED) -> str:
    """List some names; more than a line of them help nobody."""
    shown = [str(one) for one in names]
    more = len(shown) - most
    return ", ".join(shown[:most]) + (f" and {more} more" if more > 0 else "")


def printable(text: str, most: int = 0) -> str:
    """Return a text of others with blanks for what terminals would act on.

    Args:
        most: how many characters are shown; by default all.
    """
    line = "".join(one if one.isprintable() else " " for one in text)
    return f"{line[:most]}..." if 0 < most < len(line) else line


def yaml_repr(value: object) -> str:
    """Show a value as it is written in YAML, on one line of limited length."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    short = Repr()
    short.maxstring = short.maxother = MAX_CHARACTERS
    return short.repr(value)
