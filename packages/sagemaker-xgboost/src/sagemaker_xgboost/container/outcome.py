"""How a job went, in the file that the platform reads."""

import logging
import traceback
from pathlib import Path
from types import TracebackType

from sagemaker_xgboost.container.logs import Paths


class HostFailedError(Exception):
    """Report the failure of another host, in the words that it left."""


class Outcome:
    """Write down how a job went: an empty `success`, or `failure` with the reason."""

    def __init__(self, output: Path, paths: Paths) -> None:
        self.output = output
        self.paths = paths
        self.exit_code = 0

    def __enter__(self) -> "Outcome":
        """Make sure that there is a folder to write to."""
        self.output.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        """Write the file, and swallow what went wrong."""
        if error is None:
            (self.output / "success").touch()
        if not isinstance(error, Exception):
            return False
        message = self.paths.hide(describe(error))
        (self.output / "failure").write_text(message)
        logging.error("Reporting training FAILURE")
        logging.error(message)
        # The image takes the exit code from any error that has an errno.
        self.exit_code = getattr(error, "errno", None) or 1
        return True


def describe(error: Exception) -> str:
    """Describe a failure as the image does, but with the last two frames only."""
    if isinstance(error, HostFailedError):
        return str(error)
    # The platform cuts the text off after 1024 characters, the message comes last.
    trace = "".join(traceback.format_exception(error, limit=-2, chain=False))
    return f"framework error: \n{trace}\n{error}"
