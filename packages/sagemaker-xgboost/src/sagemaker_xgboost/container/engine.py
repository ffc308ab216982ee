"""The one place that imports xgboost without what it does not need."""

import importlib
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType

Places = Sequence[str] | None

# Both serve xgboost's estimators only, which neither training nor serving uses.
UNUSED = ("sklearn", "scipy.special")
# scipy.sparse looks at every name in numpy, and so imports all of its submodules.
UNTOUCHED = tuple(
    f"numpy.{name}" for name in ("f2py", "testing", "ma", "random", "polynomial")
)


class Finder:
    """Answer for some modules when one thread imports them."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.thread = threading.get_ident()

    def concerns(self, name: str) -> bool:
        """Tell whether a module is one of ours, and imported by our thread."""
        return name in self.names and threading.get_ident() == self.thread


class AbsentModules(Finder):
    """Tell that modules are not installed."""

    def find_spec(self, name: str, path: Places, target: object = None, /) -> None:
        """Refuse a module of ours, and leave all others to the next finder."""
        if self.concerns(name):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


class DeferredModules(Finder):
    """Give modules that are loaded when somebody uses them."""

    def find_spec(
        self, name: str, path: Places, target: object = None, /
    ) -> ModuleSpec | None:
        """Find a module of ours, and leave all others to the next finder."""
        spec = PathFinder.find_spec(name, path) if self.concerns(name) else None
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


@contextmanager
def asked_first(finder: AbsentModules | DeferredModules) -> Iterator[None]:
    """Import what follows as this finder says."""
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def load_engine() -> ModuleType:
    """Import xgboost without what would take most of the time to import."""
    with ExitStack() as finders:
        finders.enter_context(asked_first(AbsentModules(UNUSED)))
        finders.enter_context(asked_first(DeferredModules(UNTOUCHED)))
        return importlib.import_module("xgboost")
