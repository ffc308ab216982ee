"""What `-p` changes for one run."""

import re

import pytest
from runner.changed import check_changed

from lifecycle.errors import CallError
from runner.spec.models import load_spec


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"image_version": "1.7-1", "instance_type": "ml.c5.xlarge"},
        {"hyperparameters": {"num_round": 5, "eta": 0.1}},
        {"gates": {"mae": {"max": 2.0}}},
        {"task": "binary", "gates": {"auc": {"min": 0.9}}},
        {"rows": 5, "image_of_the_day": "a cat"},
    ],
)
def test_what_model_yaml_could_say_may_be_given(repo, values):
    """And what it knows nothing of is the notebook's business."""
    check_changed(repo, load_spec(repo, "toy"), values)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"image_version": "3.9-0"}, "-p image_version: '3.9-0'; give 0.90-1, "),
        ({"instance_type": "ml.m5"}, "-p instance_type: 'ml.m5'; give an instance"),
        ({"spot": 1}, "-p spot: 1; give true or false"),
        (
            {"hyperparameters": {"num_round": 5, "eta": 7}},
            "-p hyperparameters.eta: 7; give a number from 0 to 1",
        ),
        ({"gates": {"rsme": {"max": 1}}}, "-p gates.rsme: no metric of a regression"),
        (
            {"task": "binary", "gates": {"mae": {"max": 1}}},
            "-p gates.mae: no metric of a binary",
        ),
        ({"endpoint": {}}, "-p endpoint: {}; give instance_type or serverless"),
    ],
)
def test_what_model_yaml_could_not_say_is_refused(repo, values, said):
    """In the words that would be said of the file, by the parameter's name."""
    with pytest.raises(CallError, match=f"^{re.escape(said)}"):
        check_changed(repo, load_spec(repo, "toy"), values)
