"""Predictions of a model that brings its own inference code, made as its endpoint does.

The code, `code/` in the model's archive, runs in a process of its own, so that two
versions of one module can predict side by side. Its packages are this environment's,
not the image's.
"""

import csv
import io
import json
import shutil
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagemaker_xgboost import archive

from lifecycle.errors import DataError, StorageError
from lifecycle.invocation import CSV, Body, Prediction, payloads, read_predictions
from lifecycle.raw.packing import CODE, ENTRY
from lifecycle.s3 import read_archive

if TYPE_CHECKING:
    import numpy as np

PREDICT_SECONDS = 600
FUNCTIONS = ("input_fn", "predict_fn", "output_fn")


@dataclass(frozen=True, kw_only=True)
class ScriptedModel:
    """A model whose archive brings the code that loads it and predicts."""

    model_data: str
    program: str
    # Where the archive is unpacked, as long as this is used.
    folder: Path = field(repr=False)

    def predict(self, features: Any) -> "np.ndarray[Any, Any]":
        """Predict as the endpoint does: features by position, raw records by name.

        Args:
            features: a table or nested lists, rows x features; or a list of records.

        Returns:
            One value per row; of a multiclass model, rows x classes.

        Raises:
            DataError: the code fails, or does not answer a number per row.
        """
        import numpy as np

        is_raw = takes_raw(self.program)
        rows = features if is_raw else np.asarray(features, dtype=float).tolist()
        found: list[Prediction] = []
        bodies = list(payloads(rows))
        for body, text in zip(bodies, self._answer(bodies), strict=True):
            try:
                found += read_predictions(text, body.rows)
            except ValueError as error:
                raise DataError(f"{self._name()}: {error}; answer in CSV") from error
        if len(found) != len(rows):
            raise DataError(
                f"{self._name()}: {len(found)} predictions for {len(rows)} rows"
            )
        return np.array(found)

    def _answer(self, bodies: Sequence[Body]) -> list[str]:
        """Return the answer to each request, all of one process."""
        given = str(self.folder), self.program
        asked = [[body.text, body.content_type] for body in bodies]
        try:
            done = subprocess.run(
                # By these words the runner knows that no other code is run.
                [sys.executable, "-m", "lifecycle.inference_process", *given],
                input=json.dumps(asked).encode(),
                capture_output=True,
                timeout=PREDICT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise DataError(
                f"{self._name()}: no answer in {PREDICT_SECONDS} s"
            ) from error
        if done.returncode:
            told = done.stderr.decode(errors="replace").strip().splitlines()
            last = told[-1] if told else f"exit code {done.returncode}"
            raise DataError(f"{self._name()}: {last}")
        texts: list[str] = json.loads(done.stdout)
        return texts

    def _name(self) -> str:
        return f"{self.model_data}: {CODE}/{self.program}"


def load_scripted(model_data: str, program: str, sha256: str = "") -> ScriptedModel:
    """Unpack the archive of a model that brings its own inference code.

    Args:
        model_data: S3 URI of model.tar.gz.
        program: the file in its `code/` that has `model_fn`.
        sha256: of the archive that is wanted, if that is known.

    Raises:
        StorageError: it has no such file, or cannot be unpacked.
        IntegrityError: it is another archive.
    """
    content = read_archive(model_data, sha256)
    place = Path(tempfile.mkdtemp(prefix="model-"))
    folder, packed = place / "model", place / "model.tar.gz"
    model = ScriptedModel(model_data=model_data, program=program, folder=folder)
    weakref.finalize(model, shutil.rmtree, place, ignore_errors=True)
    packed.write_bytes(content)
    try:
        archive.unpack(packed, folder)
    except archive.ArchiveError as error:
        raise StorageError(f"{model_data}: {error}; train again") from error
    if not (folder / CODE / program).is_file():
        raise StorageError(f"{model_data}: {missing_code(program)}")
    return model


def missing_code(program: str) -> str:
    """Say what an archive lacks that has no inference code."""
    return f"has no {CODE}/{program}, which has to serve it (docs/script-mode.md)"


def takes_raw(program: str) -> bool:
    """Return whether a model that serves by this file takes raw records."""
    return program == ENTRY


def serving_variables(program: str) -> dict[str, str]:
    """Return the variables by which a container finds the code in a model's archive."""
    if not program:
        return {}
    return {
        "SAGEMAKER_PROGRAM": program,
        "SAGEMAKER_SUBMIT_DIRECTORY": f"/opt/ml/model/{CODE}",
    }


def program_of(variables: Mapping[str, Any]) -> str:
    """Return the file that a container with these variables serves by, if any."""
    return str(variables.get("SAGEMAKER_PROGRAM", ""))


def load_model(module: Any, model_dir: str) -> Any:
    """Load a model by a module's `model_fn`.

    Raises:
        NotImplementedError: there is none, for which nothing stands in.
    """
    if not hasattr(module, "model_fn"):
        raise NotImplementedError("Please provide a model_fn implementation.")
    return module.model_fn(model_dir)


def answer(module: Any, model: Any, body: str, content_type: str = CSV) -> str:
    """Answer a request by a module's functions, in CSV; the image's stand in.

    Args:
        model: as `load_model` returns it.

    Raises:
        ValueError: the answer is a refusal, with its reason.
    """
    if hasattr(module, "transform_fn"):
        result = module.transform_fn(model, body, content_type, CSV)
    else:
        defaults = (_decode, lambda data, loaded: loaded.predict(data), _encode)
        given = zip(FUNCTIONS, defaults, strict=True)
        read, predict, write = (getattr(module, n, default) for n, default in given)
        result = write(predict(read(body, content_type), model), CSV)
    if getattr(result, "status_code", 200) >= 400:
        raise ValueError(result.get_data(as_text=True).strip())
    text = result[0] if isinstance(result, tuple) else result
    return text.decode() if isinstance(text, bytes | bytearray) else str(text)


def _decode(body: str, content_type: str) -> Any:
    """Decode as the image does, which makes a single row an array of one dimension."""
    import numpy as np

    rows = list(csv.reader(io.StringIO(body), strict=True))
    return np.array(rows).squeeze().astype("float32")


def _encode(prediction: Any, accept: str) -> str:
    import numpy as np

    array = np.asarray(prediction)
    rows = array.reshape(-1, 1) if array.ndim < 2 else array
    return "".join(",".join(map(str, row)) + "\n" for row in rows.tolist())
