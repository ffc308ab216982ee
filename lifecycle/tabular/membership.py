"""Which part of the data a row belongs to, by a hash of what the row holds.

The same row has the same hash in every table and on every machine. So it keeps its
part when the data grows, and is recognised among the rows of an earlier run.
"""

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

# Hashes are below this number.
HASHES = 2.0**64


def row_hashes(table: "pd.DataFrame", salt: str = "") -> "npt.NDArray[np.uint64]":
    """Return a hash of each row's values, whatever the columns are called.

    Equal numbers count as equal, whether they are integers, decimals or text.

    Args:
        salt: another salt gives other hashes.
    """
    import numpy as np

    columns = [_codes(table.iloc[:, place]) for place in range(table.shape[1])]
    matrix = np.stack(columns, axis=1) if columns else np.empty((len(table), 0))
    start = hashlib.sha256(salt.encode())
    hashes = []
    for row in matrix:
        digest = start.copy()
        digest.update(row.tobytes())
        hashes.append(digest.digest()[:8])
    return np.frombuffer(b"".join(hashes), dtype="<u8").astype(np.uint64)


def _codes(values: "pd.Series[Any]") -> "npt.NDArray[np.uint64]":
    """Return eight bytes per value: those of a number, or of the hash of a text."""
    import numpy as np
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        values = values.map(lambda one: one.isoformat(), na_action="ignore")
    numbers = pd.to_numeric(values.astype(object), errors="coerce")
    # Zero has a sign, and a missing value many patterns of bits.
    floats = numbers.to_numpy(dtype="<f8", na_value=np.nan) + 0.0
    floats[np.isnan(floats)] = np.nan
    codes = floats.view("<u8").copy()
    for place in np.flatnonzero(np.isnan(floats) & values.notna().to_numpy()):
        text = str(values.iloc[place]).encode()
        codes[place] = int.from_bytes(hashlib.sha256(text).digest()[:8], "little")
    return codes
