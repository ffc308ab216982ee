"""Secrets are planted in every place that a run writes to, and none comes out."""

import base64
import html
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import boto3
import pytest
import toys
import warm_python
from embedded_aws.process import EmbeddedAWS

# Known by the name of their environment variable; their form tells nothing.
NAMED = {
    "DB_PASSWORD": "correct-horse<&>\"battery'",
    "WAREHOUSE_PASSWD": "tr0ub4dor&3-of-us",
    "CIRCLE_TOKEN": "circle-0f-the-builders",
    "GITHUB_TOKEN": "hub-of-the-reviewers",
    "MLFLOW_TRACKING_PASSWORD": "ümläut-and-more",
    "SERVICE_API_KEY": "a/key+with=marks%20",
    "SIGNING_SECRET": "first-half-of-it\nsecond-half-of-it",
    "AWS_SESSION_TOKEN": "IQoJb3JpZ2luX2VjEXAMPLE//////////wEa",
    "PLATFORM_CREDENTIALS": "user=ada;word=lovelace1815",
    "NOTEBOOK_SECRET": "kept-in-no-notebook",
    "DEPLOY_PAT": "patience-is-a-virtue",
    "HF_BEARER": "bear-with-me-please",
}
# Known by their form; in pieces, so that no scanner takes this for a leak.
FORMED = {
    "access key": "AKIA" + "IOSFODNN7" + "EXAMPLE",
    "github": "ghp_" + "a1B2c3D4e5" * 4,
    "slack": "xoxb-" + "1234567890-" + "abcdefghij",
    "stripe": "sk_" + "live_" + "a1" * 12,
    "sendgrid": "SG." + "a" * 22 + "." + "b" * 43,
    "jwt": "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0." + "c2ln",
    "private key": "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIabc\n-----END RSA "
    "PRIVATE KEY-----",
    "signature": "https://b.s3.amazonaws.com/k?X-Amz-Signature=" + "f0" * 32,
    "address": "postgresql://ada:" + "l0velace" + "@db.example.com/models",
    "gitlab": "glpat-" + "a1B2c3D4e5" * 2,
    "twilio": "SK" + "ab12" * 8,
    "npm": "//registry.example.com/:_authToken=npm_" + "a1B2" * 9,
}
# The secret part of each, if it is not all.
CORES = {
    "private key": "MIIabc",
    "signature": "f0" * 32,
    "address": "l0velace",
    "npm": "a1B2" * 9,
}
EVERY = NAMED | FORMED

# Expressions, displayed for each secret `s`.
SHOWN = {
    "a text": "s",
    "in a list": "[s, (s, {'key': s})]",
    "bytes": "s.encode()",
    "html": "HTML(f'<p title=\"{html.escape(s)}\">{html.escape(s)}</p>')",
    "markdown": "Markdown(f'**{s}**')",
    "latex": "Latex(f'${s}$')",
    "json": "JSON({'value': s, s: 1})",
    "svg": "SVG(f'<svg xmlns=\"http://www.w3.org/2000/svg\"><text>{html.escape(s)}'"
    " '</text></svg>')",
    "picture": "Image(PNG + s.encode(), format='png')",
    "base64": "base64.b64encode(f'Authorization: {s}'.encode()).decode()",
    "quoted": "quote(s, safe='')",
    "a table": "pd.DataFrame({s: [s]})",
    "an index": "pd.Series([1], index=[s], name=s)",
    "an evaluation": "EvaluationOutput(metrics={s: 1.0}, verdicts=[])",
}
# Statements, run for each secret `s`.
DONE = {
    "standard output": "print(s)",
    "standard error": "print(s, file=sys.stderr)",
    "in pieces": "print(s[:6], end=''); print(s[6:])",
    "metadata": "display('shown', metadata={'note': s})",
    "updated": "display('before', display_id=True).update(s)",
    "logged": "logging.getLogger('toy').warning('using %s', s)",
    "warned": "warnings.warn(s, stacklevel=1)",
    "a process": "subprocess.run([sys.executable, '-c', ECHO, s], check=True)",
    "pretty": "pprint.pprint({'settings': {'value': s}})",
    "caught": """try:
        raise ValueError(s)
    except ValueError:
        traceback.print_exc()""",
}
IMPORTS = """
import base64, html, json, logging, os, pprint, subprocess, sys, traceback, warnings
from urllib.parse import quote
import pandas as pd
from IPython.display import HTML, JSON, SVG, Image, Latex, Markdown, display
from lifecycle.evaluation_output import EvaluationOutput
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
ECHO = "import sys; print(sys.argv[1])"
with open(os.environ["SAGEMAKER_PLANTED"]) as file:
    planted = json.load(file)
"""
SUFFIXES = ("ipynb", "html", "json")
RETURNED = {
    "train": "s3://bucket/train.csv",
    "validation": "s3://bucket/validation.csv",
    "test": "s3://bucket/test.csv",
    "data_sha256": "0" * 64,
}


def prepare() -> list[toys.Cell]:
    """Make a notebook that leaks every secret in every place, and succeeds."""
    cells = [toys.code('model: str = "toy"  # the model', "parameters")]
    cells += [toys.text(f"# {FORMED['github']}"), toys.code(IMPORTS)]
    # A notebook may also hold one in its own code.
    cells.append(toys.code(f"token = {FORMED['stripe']!r}"))
    shown = [f"display({one})" for one in SHOWN.values()]
    for body in (*shown, *DONE.values()):
        cells.append(toys.code(f"for s in planted:\n    {body}"))
    cells.append(toys.code("planted"))
    results = f"JSON({RETURNED!r} | {{'rows': planted}})"
    return [*cells, toys.code(results, "results")]


def fails() -> list[toys.Cell]:
    """Make a notebook that ends with secrets in its errors."""
    failing = (
        "try:\n    raise KeyError(planted[0])\n"
        "except KeyError as error:\n    raise ValueError(str(planted)) from error"
    )
    return [
        toys.code("rows: list = []  # those of prepare", "parameters"),
        toys.code(IMPORTS),
        toys.code(failing),
        toys.code("JSON({})", "results"),
    ]


@dataclass(frozen=True, kw_only=True)
class Run:
    """All that a run leaves: its id, its output, and its files and objects by name."""

    run_id: str
    output: str
    files: dict[str, str]


def make_clone(root: Path) -> None:
    """Make a repository whose notebooks leak, on a branch named by a secret."""
    shutil.copytree(Path(__file__).parents[1] / "toy", root)
    toys.write(root / "models" / "toy" / "prepare.ipynb", *prepare())
    toys.write(root / "notebooks" / "train-register.ipynb", *fails())
    identity = ["-c", "user.name=toy", "-c", "user.email=toy@example.com"]
    subject = f"Use {FORMED['slack']} and {NAMED['GITHUB_TOKEN']}"
    for command in (
        ["init", "-q", "-b", NAMED["DEPLOY_PAT"]],
        ["add", "."],
        [*identity, "commit", "-qm", subject],
    ):
        subprocess.run(["git", "-C", str(root), *command], check=True)


@pytest.fixture
def leaked(tmp_path: Path, embedded_aws: EmbeddedAWS) -> Run:
    """A run of the leaking notebooks, with the secrets in its environment."""
    root, planted = tmp_path / "clone", tmp_path / "planted.json"
    make_clone(root)
    planted.write_text(json.dumps(list(EVERY.values())))
    # ipykernel ignores what a subprocess prints if a test runs it.
    hidden = ("AWS_", "CIRCLE", "SAGEMAKER_", "PYTEST_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(hidden)}
    environment |= (
        embedded_aws.environment | NAMED | {"SAGEMAKER_PLANTED": str(planted)}
    )
    environment |= {"SAGEMAKER_BUCKET": "leaks-of-this-test"}
    s3 = boto3.client(
        "s3",
        endpoint_url=embedded_aws.url,
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    s3.create_bucket(Bucket="leaks-of-this-test")
    answer = subprocess.run(
        [
            *(warm_python.executable(), "-m", "runner", "run", "toy"),
            *("--target", "local"),
            *("--stage", "prepare", "--stage", "train-register"),
        ],
        cwd=root,
        env=environment | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    files = {
        str(path.relative_to(root)): path.read_text(encoding="utf-8")
        for path in (root / "build").rglob("*")
        if path.is_file()
    }
    for one in s3.list_objects_v2(Bucket="leaks-of-this-test").get("Contents", []):
        body = s3.get_object(Bucket="leaks-of-this-test", Key=one["Key"])["Body"]
        files[f"s3 {one['Key']}"] = body.read().decode()
    record = json.loads(files.get("build/toy/prepare.json", '{"run_id": ""}'))
    output = answer.stdout + answer.stderr
    return Run(run_id=record["run_id"], output=output, files=files)


def spellings(secret: str) -> Iterator[str]:
    """Yield how a text may write each line of a secret."""
    for line in secret.splitlines():
        if line.startswith("-----"):
            continue
        yield from (line, html.escape(line), html.escape(line, quote=False))
        yield from (json.dumps(line)[1:-1], repr(line)[1:-1], quote(line, safe=""))
        yield json.dumps(json.dumps(line)[1:-1])[1:-1]
        yield base64.b64encode(line.encode()).decode().rstrip("=")[:-1]


def test_no_secret_comes_out_of_a_run(leaked: Run) -> None:
    """None is in a notebook, its page or record, the review page, S3 or the output."""
    stages = ("prepare", "train-register")
    names = {f"toy/{stage}.{suffix}" for stage in stages for suffix in SUFFIXES}
    names |= {"toy/index.html", "index.html", "toy/source.json"}
    evidence = f"s3 toy/runs/{leaked.run_id}/evidence"
    objects = {f"{evidence}/{name.removeprefix('toy/')}" for name in names}
    found = {
        (name, place)
        for name, secret in EVERY.items()
        for place, text in (leaked.files | {"the output": leaked.output}).items()
        for spelt in spellings(CORES.get(name, secret))
        if spelt in text
    }

    assert {f"build/{name}" for name in names} <= set(leaked.files), leaked.output
    assert objects <= set(leaked.files)
    assert '"status": "succeeded"' in leaked.files["build/toy/prepare.json"]
    masked = leaked.files["build/toy/prepare.ipynb"].count("[scrubbed]")
    assert masked >= 20 * len(SHOWN | DONE)
    assert "ValueError" in leaked.output
    assert found == set()
