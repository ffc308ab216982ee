"""A row is recognised by a hash of what it holds."""

import pandas as pd

from lifecycle.tabular.membership import row_hashes

# Of a number, of a missing value and of a text: no release may change them.
HASHES_OF_A = [7909365303169596524, 14739350890274068852, 13518574999239961273]


def test_equal_values_have_equal_hashes():
    """Whatever type pandas has read them as, and on every machine."""
    numbers = row_hashes(pd.DataFrame({"a": [1, 0, 2**40], "b": [1.5, -0.0, 3.0]}))
    decimals = row_hashes(pd.DataFrame({"c": [1.0, 0.0, 2.0**40], "d": [1.5, 0.0, 3]}))
    texts = row_hashes(pd.DataFrame({"a": ["1", 0, str(2**40)], "b": ["1.50", 0, 3]}))

    assert numbers.tolist() == decimals.tolist() == texts.tolist()
    assert row_hashes(pd.DataFrame({"a": [1.0, None, "x"]})).tolist() == HASHES_OF_A
    assert len(set(numbers.tolist() + HASHES_OF_A)) == 6


def test_a_day_has_the_same_hash_beside_an_hour():
    """The text of a column of days changes when one gets an hour."""
    days = pd.Series(pd.to_datetime(["2026-01-01", "2026-01-02"]))
    hours = pd.Series(pd.to_datetime(["2026-01-01 00:00", "2026-01-02 07:00"]))

    first, second = (row_hashes(pd.DataFrame({"day": one})) for one in (days, hours))

    assert first[0] == second[0]
    assert first[1] != second[1]
