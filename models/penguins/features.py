"""From a penguin as a client describes it to what the model reads.

`prepare` and the endpoint run this file, so both make the same features.
"""

import pandas as pd

SEXES = {"female": 0.0, "male": 1.0}


def transform(raw: pd.DataFrame) -> pd.DataFrame:
    """Return a row of features per penguin; what was not measured stays missing.

    Args:
        raw: bill_length_mm, bill_depth_mm, flipper_length_mm, body_mass_g, and sex:
            female, male, or missing.

    Raises:
        ValueError: a sex is neither female nor male.
    """
    if unknown := sorted(set(raw["sex"].dropna()) - SEXES.keys()):
        raise ValueError(f"sex: {unknown[0]!r} is neither female nor male")
    measured = raw.drop(columns="sex").astype(float)
    ratio = measured["bill_length_mm"] / measured["bill_depth_mm"]
    return measured.assign(bill_ratio=ratio, sex=raw["sex"].map(SEXES).astype(float))
