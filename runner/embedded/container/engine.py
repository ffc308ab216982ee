"""The one place that imports xgboost for a training job."""

import importlib
import sys
from types import ModuleType


def load_engine() -> ModuleType:
    """Import xgboost without scikit-learn, unless it is there already.

    xgboost imports it only for estimators that no training job uses, and a job would
    start three seconds later.
    """
    absent = "sklearn" not in sys.modules and "xgboost" not in sys.modules
    if absent:
        sys.modules["sklearn"] = None  # type: ignore[assignment]
    try:
        return importlib.import_module("xgboost")
    finally:
        if absent:
            del sys.modules["sklearn"]
