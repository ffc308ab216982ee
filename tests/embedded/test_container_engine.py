"""How a training job starts quickly."""

import subprocess
import sys

SCRIPT = """
import sys
from runner.embedded.container.engine import load_engine
assert load_engine().__name__ == "xgboost"
assert not {"sklearn", "pandas"} & set(sys.modules)
import sklearn.metrics
"""


def test_xgboost_is_loaded_without_scikit_learn():
    """What no job needs is not imported, and can still be imported later."""
    subprocess.run([sys.executable, "-c", SCRIPT], check=True, timeout=60)
