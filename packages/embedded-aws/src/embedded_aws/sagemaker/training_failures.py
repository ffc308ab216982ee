"""Why a training job failed, in the words of the platform."""

from pathlib import Path

FAILURE_CHARACTERS = 1024


class TrainingFailedError(Exception):
    """Report why a job failed, in the words of its FailureReason."""


def algorithm_error(root: Path, code: int) -> str:
    """Put what the container left in output/failure into a FailureReason."""
    path = root / "output" / "failure"
    text = path.read_text(errors="replace") if path.exists() else ""
    tail = f", exit code: {code if code > 0 else 128 - code}"
    room = FAILURE_CHARACTERS - len("AlgorithmError: ") - len(tail)
    return f"AlgorithmError: {text[:room]}{tail}"
