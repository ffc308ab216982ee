"""A candidate's evaluation as one output of its notebook: a table, and its data.

The reader of the notebook sees the table; the review page reads the data, which is
there also when a missed bound ends the notebook in the next cell.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from runner.gates import Verdict

MIME = "application/vnd.runner.evaluation+json"
COLUMNS = ("metric", "rule", "bound", "value", "live", "passed")


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """How good a candidate is, beside the live model, and what training it took."""

    metrics: Mapping[str, float]
    verdicts: Sequence[Verdict]
    live: Any = None
    job: Any = None
    test_rows: int = 0

    def data(self) -> dict[str, Any]:
        """Give all of it as plain JSON values."""
        plain = {
            "metrics": dict(self.metrics),
            "verdicts": [asdict(one) for one in self.verdicts],
            "live": asdict(self.live) if self.live else None,
            "job": asdict(self.job) if self.job else None,
            "test_rows": self.test_rows,
        }
        return dict(_finite(json.loads(json.dumps(plain, default=str))))

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        """Show the verdicts, and let programs read the rest."""
        import pandas as pd

        table = pd.DataFrame([asdict(one) for one in self.verdicts], columns=COLUMNS)
        shown: Any = {"index": False, "na_rep": "-", "float_format": "{:.4f}".format}
        return {
            "text/html": table.to_html(border=0, **shown),
            "text/plain": table.to_string(**shown),
            MIME: self.data(),
        }


def evaluation_of(notebook: Mapping[str, Any]) -> dict[str, Any] | None:
    """Find the evaluation that an executed notebook shows, the last one."""
    found = None
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            found = output.get("data", {}).get(MIME) or found
    return dict(found) if isinstance(found, Mapping) else None


def _finite(value: Any) -> Any:
    """Write what is no number as none: JSON has no word for it."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
