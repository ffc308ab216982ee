"""The process in which a model's own script answers: `-m lifecycle.inference_process`.

It imports code by a name that the archive gives. No other module imports this one: the
content of every model would be the whole repository.
"""

import importlib
import os
import sys
from pathlib import Path

from lifecycle.inference import answer
from lifecycle.raw.packing import CODE


def main(folder: str, program: str, content_type: str) -> None:
    """Answer the request on the standard input on the standard output."""
    answered = os.dup(1)
    # What the model's code prints is not the answer.
    os.dup2(2, 1)
    code = Path(folder) / CODE
    sys.path.insert(0, str(code))
    name = program.removesuffix(".py").replace("/", ".")
    body = sys.stdin.buffer.read().decode()
    text = answer(importlib.import_module(name), folder, body, content_type)
    with os.fdopen(answered, "w") as output:
        output.write(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
