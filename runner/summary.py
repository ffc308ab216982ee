"""Training rows in a few numbers per column, enough to tell later what has moved."""

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

# A column with no more different values than this is kept value by value.
FEW = 20
PERCENTILES = [place / 100 for place in range(101)]


def summarise(table: "pd.DataFrame") -> dict[str, Any]:
    """Describe every column of a table as plain JSON values."""
    columns = {
        str(name): _column(table.iloc[:, place]) for place, name in enumerate(table)
    }
    return {"rows": len(table), "columns": columns}


def _column(values: "pd.Series[Any]") -> dict[str, Any]:
    """Describe a column by its values where they are few, else by percentiles."""
    import numpy as np
    import pandas as pd

    numbers = pd.to_numeric(values, errors="coerce").replace([np.inf, -np.inf], np.nan)
    known = numbers.dropna().astype(float)
    missing = 1 - len(known) / len(values) if len(values) else 0.0
    described: dict[str, Any] = {"missing": missing}
    if known.empty:
        return described | {"mean": None, "std": None, "values": []}
    spread = float(known.std(ddof=0))
    described |= {"mean": float(known.mean()), "std": spread}
    if known.nunique() > FEW:
        return described | {"percentiles": known.quantile(PERCENTILES).tolist()}
    counts = Counter(known.tolist())
    return described | {"values": [list(one) for one in sorted(counts.items())]}
