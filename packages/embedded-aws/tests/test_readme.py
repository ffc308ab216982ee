"""The README's example runs, and its tables are complete."""

import re
import subprocess
import sys
from pathlib import Path

from botocore import xform_name
from embedded_aws.sagemaker.responses import Response
from moto.core.utils import get_service_model

README = Path(__file__).parents[1] / "README.md"


def test_the_example_prints_what_it_says():
    """A model is trained and served, and a deployment fails on demand."""
    [example] = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", example], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    expected = re.findall(r"^ +print\(.*\)  # (.*)", example, re.MULTILINE)
    assert done.stdout.splitlines() == expected


def test_every_action_that_really_works_is_named():
    """The table has the actions of this package, and moto's two on their tags."""
    actions = get_service_model("sagemaker").operation_names
    ours = {action for action in actions if xform_name(action) in vars(Response)}
    [row] = re.findall(r"^\| SageMaker \|.*", README.read_text(), re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row)) == ours | {"ListTags", "DeleteTags"}
