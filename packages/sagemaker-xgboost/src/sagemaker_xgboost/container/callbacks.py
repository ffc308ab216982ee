"""What happens after every round of training."""

import logging
import os
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from sagemaker_xgboost.container.engine import load_engine
from sagemaker_xgboost.metric_names import MAXIMIZE

MODEL_NAME = "xgboost-model"


@dataclass(frozen=True, kw_only=True)
class Stopping:
    """When to stop early; no metric means never."""

    rounds: int | None
    metric: str | None
    data: str | None

    @property
    def active(self) -> bool:
        """Say whether anything is watched: the image ignores it silently if not."""
        return bool(self.rounds and self.metric and self.data)


def show(line: str) -> None:
    """Print one line of metrics at once."""
    print(line, end="", flush=True)


def monitor() -> Any:
    """Print the metrics of every round."""

    class Monitor(load_engine().callback.EvaluationMonitor):  # type: ignore[misc]
        # xgboost keeps its callbacks in a set and asks no further once one says stop:
        # first in the set, the last round is always printed.
        def __hash__(self) -> int:
            return 0

    return Monitor(logger=show)


def early_stopping(stopping: Stopping, *, is_master: bool) -> Any:
    """Stop when the metric gets no better, and keep the best rounds only."""
    return load_engine().callback.EarlyStopping(
        rounds=stopping.rounds,
        data_name=stopping.data,
        metric_name=stopping.metric,
        maximize=stopping.metric in MAXIMIZE,
        save_best=is_master,
    )


def keep_model_on_termination(model_dir: Path, name: str) -> Any:
    """Save the model after every round, for the case that the job is stopped."""
    stop_on_sigterm(model_dir)

    class SaveIntermediateModel(load_engine().callback.TrainingCallback):  # type: ignore[misc]
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            save_model(model, model_dir / name)
            return False

    return SaveIntermediateModel()


def save_model(model: Any, path: Path) -> None:
    """Save a model whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parents[1]) as folder:
        draft = Path(folder) / path.name
        model.save_model(draft)
        draft.replace(path)


def stop_on_sigterm(model_dir: Path) -> None:
    """End the process at SIGTERM, leaving nothing but models behind."""

    def stop(signum: int, frame: FrameType | None) -> None:
        for file in model_dir.iterdir():
            if file.is_file() and not file.name.startswith(MODEL_NAME):
                file.unlink(missing_ok=True)
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)


def make_callbacks(
    stopping: Stopping, model_dir: Path, name: str, *, keep: bool, is_master: bool
) -> list[Any]:
    """List the callbacks of one training run."""
    callbacks = [monitor()]
    logging.info(
        "CALLBACK_SETUP_DEBUG: save_model_on_termination=%s, is_master=%s",
        str(keep).lower(),
        is_master,
    )
    if keep and is_master:
        logging.info("CALLBACK_ADDING: Adding SaveIntermediateModelCallBack on master")
        callbacks.append(keep_model_on_termination(model_dir, name))
    else:
        logging.info(
            "CALLBACK_SKIPPING save_model_on_termination=%s, is_master=%s)",
            str(keep).lower(),
            is_master,
        )
    if stopping.active:
        callbacks.append(early_stopping(stopping, is_master=is_master))
    return callbacks
