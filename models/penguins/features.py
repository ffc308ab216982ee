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
        ValueError: a sex is neither female nor male, or a measurement is no number.
    """
    known = raw["sex"].dropna()
    if unknown := sorted(set(known.astype(str)) - SEXES.keys()):
        raise ValueError(f"sex: {unknown[0]!r} is neither female nor male")
    length = pd.to_numeric(raw["bill_length_mm"])
    depth = pd.to_numeric(raw["bill_depth_mm"])
    return pd.DataFrame(
        {
            "bill_length_mm": length,
            "bill_depth_mm": depth,
            "bill_ratio": length / depth,
            "flipper_length_mm": pd.to_numeric(raw["flipper_length_mm"]),
            "body_mass_kg": pd.to_numeric(raw["body_mass_g"]) / 1000,
            "is_male": raw["sex"].map(SEXES),
        }
    ).astype(float)
