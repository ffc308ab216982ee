"""Raw tables of many kinds, as files, with odd names and cells."""

from pathlib import Path

import numpy as np
import pandas as pd


def hard_table(rows: int = 300) -> pd.DataFrame:
    """Return a table with dates, text, categories, odd names and missing cells."""
    chance = np.random.default_rng(1)
    days = pd.to_timedelta(chance.integers(0, 700, rows), "D")
    kinds = chance.choice(["first", "second", "third"], rows)
    size = chance.normal(170, 10, rows).round(1)
    words = ["lorem", "ipsum", "dolor", "sit", "amet"]
    table = pd.DataFrame(
        {
            "order id": [f"A{place:05d}" for place in range(rows)],
            "sold on": (pd.Timestamp("2023-01-01") + days).strftime("%d.%m.%Y"),
            "Größe": size,
            "class": kinds,
            "2nd": chance.choice(["1", "2", "?"], rows, p=[0.5, 0.45, 0.05]),
            'it\'s "quoted"': chance.choice(["yes", "no"], rows),
            "comment": [" ".join(chance.choice(words, 8)) for _ in range(rows)],
            "opt in": chance.choice([True, None], rows),
            "empty": np.nan,
            "constant": 5,
            "a|b`c$d$": chance.normal(size=rows),
            "price €": 2 * size + 30 * (kinds == "first") + chance.normal(0, 5, rows),
        }
    )
    for column, share in (("Größe", 0.1), ("class", 0.05), ("price €", 0.03)):
        table.loc[chance.random(rows) < share, column] = None
    return table


def write(folder: Path, table: pd.DataFrame, name: str = "raw.csv", **how) -> Path:
    """Write a table as CSV."""
    path = folder / name
    table.to_csv(path, index=False, **how)
    return path
