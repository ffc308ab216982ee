"""The one place that imports xgboost without what it does not need."""

import importlib
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

UNUSED = "sklearn"


class AbsentModule:
    """Tell one thread that a module is not installed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.thread = threading.get_ident()

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Refuse the one module, and leave all others to the next finder."""
        if name == self.name and threading.get_ident() == self.thread:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@contextmanager
def without(name: str) -> Iterator[None]:
    """Import what follows as if a module were not installed."""
    absent = AbsentModule(name)
    sys.meta_path.insert(0, absent)
    try:
        yield
    finally:
        sys.meta_path.remove(absent)


def load_engine() -> ModuleType:
    """Import xgboost without scikit-learn, which takes three seconds to import.

    It would serve estimators only, which neither training nor serving uses.
    """
    with without(UNUSED):
        return importlib.import_module("xgboost")
