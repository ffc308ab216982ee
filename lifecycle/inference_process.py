"""The process in which a model's own script answers: `-m lifecycle.inference_process`.

It imports code by a name that the archive gives. No other module imports this one: the
content of every model would be the whole repository.
"""

import importlib
import json
import os
import sys
from pathlib import Path

from lifecycle.inference import answer, load_model
from lifecycle.raw.packing import CODE


def main(folder: str, program: str) -> None:
    """Answer the requests on the standard input on the standard output.

    Both are lists in JSON: of bodies with their content types, and of texts.
    """
    answered = os.dup(1)
    # What the model's code prints is not the answer.
    os.dup2(2, 1)
    code = Path(folder) / CODE
    sys.path.insert(0, str(code))
    name = program.removesuffix(".py").replace("/", ".")
    asked = json.load(sys.stdin.buffer)
    module = importlib.import_module(name)
    model = load_model(module, folder)
    texts = [answer(module, model, body, kind) for body, kind in asked]
    with os.fdopen(answered, "w") as output:
        json.dump(texts, output)


if __name__ == "__main__":
    main(*sys.argv[1:])
