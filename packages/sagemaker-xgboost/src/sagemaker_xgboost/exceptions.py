"""The kinds of failure that the image tells apart."""

# The failure file names the class with its module, as the image's own does.
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
