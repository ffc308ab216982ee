"""The features.py of a new model makes what its notebook alone would make."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import raw_models
from raw_tables import hard_table, write

from lifecycle.raw.raw_table import check_raw
from lifecycle.raw_files import read_local
from lifecycle.tabular.contract import check_splits
from runner.scaffold.baseline import _run
from runner.scaffold.files import model_files, plan_model, write_files
from runner.scaffold.prepare import notebook_cells

CHANCE = np.random.default_rng(3)
CLASSES = pd.DataFrame(
    {
        "when": pd.date_range("2024-01-01", periods=150, freq="D").astype(str),
        "on": CHANCE.choice([0, 1], 150),
        "x": CHANCE.integers(0, 9, 150),
        "y": ['"ä" b', "c,d", "<5"] * 50,
    }
)


@pytest.mark.parametrize(
    ("table", "how"),
    [
        (hard_table(), {"label": "price €"}),
        (hard_table(), {"label": 'it\'s "quoted"'}),
        (hard_table(), {"label": "price €", "time": "sold on"}),
        (CLASSES, {"label": "y"}),
    ],
    ids=["regression", "binary", "time", "classes"],
)
def test_features_are_those_of_the_notebook_alone(
    tmp_path: Path, table: pd.DataFrame, how: dict[str, Any]
) -> None:
    """Record by record, and as clients send them."""
    path = write(tmp_path, table)
    given = {"label": None, "task": None, "time": "", "written": None} | how
    plan, base = plan_model("toy", path, raw=True, **given)
    root = tmp_path / "repo"
    (root / "models").mkdir(parents=True)
    write_files(root / "models" / "toy", model_files(root, plan, base))
    raw_models.load_features(root / "models" / "toy")
    read, _ = read_local(path)

    def run(is_raw: bool) -> dict[str, Any]:
        cells = notebook_cells("prepare.cells", replace(plan, raw=is_raw))
        return _run(cells, lambda _, columns=(), **__: read[list(columns)])

    alone, raw = run(False), run(True)
    task = {"label": plan.label.name, "task": plan.label.task}
    task["classes"] = [str(one) for one in plan.label.classes]
    expected, _ = check_splits(alone.get("encoded", alone["splits"]), **task)
    found, _ = check_splits(raw["splits"], **task)
    for part, rows in expected.items():
        pd.testing.assert_frame_equal(found[part], rows)
    handed_on = check_raw(found, raw["records"], raw["transform"])
    assert handed_on is not None
    assert plan.label.name not in handed_on.kinds
