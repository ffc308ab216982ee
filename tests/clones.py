"""Clones of this template with models of the tests' own, whatever models a team has.

`size` is a regression, `large` a binary and `kind` a multiclass classification of the
same few rows. All use the template's notebooks for every stage but `prepare`.
"""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
import toys
import warm_python
from botocore.config import Config
from embedded_aws import EmbeddedAWS, start

ROOT = Path(__file__).parents[1]
# What runs models, in CircleCI too.
TEMPLATE = (
    ".circleci",
    ".gitignore",
    "lifecycle",
    "notebooks",
    "packages/sagemaker-xgboost",
    "pyproject.toml",
    "requirements.txt",
    "runner",
)
BUCKET, KEY = "raw-tables", "sizes.csv"
GATES = {
    "size": "rmse: {max: 2.5}",
    "large": "auc: {min: 0.7}",
    "kind": "balanced_accuracy: {min: 0.7, worse_than_live: 0.5}, "
    "recall of très grand: {min: 0.6}",
}
TASKS = {"size": "regression", "large": "binary", "kind": "multiclass"}
OBJECTIVES = {
    "size": "reg:squarederror",
    "large": "binary:logistic",
    "kind": "multi:softprob",
}

SPEC = """\
name: {name}
description: Made for the tests.
task: {task}
data: s3://{bucket}/{key}
training:
  hyperparameters: {{objective: "{objective}", num_round: 10, max_depth: 3}}
gates: {{{gates}}}
endpoint: {{instance_type: ml.m5.large}}
"""

PARAMETERS = """\
model: str = "{name}"  # the model
data: str = "s3://{bucket}/{key}"  # the raw table
salt: str = "7"  # another one draws other splits
run: dict = {{}}  # filled in by the runner"""

PREPARE = """\
from IPython.display import JSON

from lifecycle.data import read_table, split, write_splits

raw = read_table(data, ["size", "large", "kind", "width", "height", "colour"])
table = raw[["{name}", "width", "height", "colour"]]{encode}
splits = split(table, key=raw, salt=salt, held_out=0.3)
written = write_splits(model, run, splits{classes})"""
# The labels of `kind` are texts, which it numbers.
CLASSES = ("très grand", "medium", "small & flat (s)")
ENCODE = f"""
CLASSES = {list(CLASSES)}
table["kind"] = table["kind"].map(CLASSES.index)"""

FEATURES = """\
def transform(raw):
    numbers = raw[["width", "height"]]
    return numbers.assign(is_red=raw["colour"].eq("red").astype(int))
"""
# What changes in the notebook of a model that takes raw records.
RAW = {
    "from IPython.display": "from features import transform\nfrom IPython.display",
    'table = raw[["large", "width", "height", "colour"]]': """\
records = raw[["width", "height"]].assign(
    colour=raw["colour"].map({0: "blue", 1: "red"})
)
table = transform(records)
table.insert(0, "large", raw["large"])""",
    "write_splits(model, run, splits)": (
        "write_splits(model, run, splits, raw=records, transform=transform)"
    ),
}


def copy_checkout(target: Path, *paths: str) -> None:
    """Copy what git would commit of this checkout, as it is now.

    Args:
        paths: the files and folders to copy.
    """
    listed = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--")
    found = subprocess.run(
        ["git", *listed, *paths], cwd=ROOT, capture_output=True, timeout=60, check=True
    )
    for name in filter(None, found.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)


def clone_template(target: Path, *models: str) -> None:
    """Copy the template, without the models that are here, and write models instead."""
    copy_checkout(target, *TEMPLATE)
    for name in models:
        write_model(target, name)


def write_model(root: Path, name: str) -> None:
    """Write the model `size`, `large` or `kind`."""
    about = {"name": name, "bucket": BUCKET, "key": KEY, "encode": "", "classes": ""}
    if TASKS[name] == "multiclass":
        about |= {"encode": ENCODE, "classes": ", classes=CLASSES"}
    folder = root / "models" / name
    toys.write(
        folder / "prepare.ipynb",
        toys.code(PARAMETERS.format(**about), "parameters"),
        toys.code(PREPARE.format(**about)),
        toys.code("JSON(written)", "results"),
    )
    about |= {"task": TASKS[name], "objective": OBJECTIVES[name], "gates": GATES[name]}
    (folder / "model.yaml").write_text(SPEC.format(**about))


def take_raw_records(folder: Path) -> None:
    """Let the model `large` take raw records, in which a colour is a word."""
    (folder / "features.py").write_text(FEATURES)
    prepare = folder / "prepare.ipynb"
    text = prepare.read_text()
    for pair in RAW.items():
        old, new = (json.dumps(one)[1:-1] for one in pair)
        assert old in text
        text = text.replace(old, new)
    prepare.write_text(text)


def upload_rows(aws: EmbeddedAWS, count: int = 600) -> None:
    """Put the rows that all models are made of where their model.yaml says."""
    chance = random.Random(1)
    lines = ["size,large,kind,width,height,colour"]
    for _ in range(count):
        width, height = chance.uniform(0, 5), chance.uniform(0, 2)
        size = 2 * width + height + chance.gauss(0, 0.3)
        colour = chance.choice((0, 1))
        kind = CLASSES[0 if size > 8 else 1 if size > 4 else 2]
        about = f"{size:.3f},{int(size > 6)},{kind}"
        lines.append(f"{about},{width:.3f},{height:.3f},{colour}")
    s3 = connect(aws, "s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key=KEY, Body="\n".join(lines).encode())


def connect(aws: EmbeddedAWS, service: str, config: Config | None = None) -> Any:
    """Make a client of one embedded AWS, whatever the environment says."""
    # boto3's own session would keep the profile that the environment named first.
    return boto3.Session().client(
        service,
        endpoint_url=aws.url,
        region_name=aws.environment["AWS_DEFAULT_REGION"],
        aws_access_key_id=aws.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key="unused",
        config=config,
    )


def start_aws() -> EmbeddedAWS:
    """Start an embedded AWS by a warm Python."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", warm_python.executable())
        return start()


def clean_environment(root: Path, aws: EmbeddedAWS) -> dict[str, str]:
    """Return the environment of a process that runs a clone's models on an AWS."""
    hidden = ("AWS_", "CI", "SAGEMAKER_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(hidden)}
    return kept | aws.environment | {"PYTHONPATH": str(root)}


def run(
    root: Path,
    aws: EmbeddedAWS,
    *command: str,
    timeout: float = 600,
    variables: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a Python module in a clone: `run(root, aws, "runner", "list")`.

    Args:
        variables: of the environment, beside those that lead to the AWS.
    """
    return subprocess.run(
        [warm_python.executable(), "-m", *command],
        cwd=root,
        env={**clean_environment(root, aws), **(variables or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
