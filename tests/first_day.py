"""The first day of docs/circleci.md, done on the embedded AWS by its own commands.

The page's blocks marked `bash` are run as they stand, with a program `aws` that notes
how it is called. The calls are then made with boto3.
"""

import json
import re
import subprocess
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import clones
from botocore import xform_name
from embedded_aws import EmbeddedAWS

DOCS = clones.ROOT / "docs"
PAGE = DOCS / "circleci.md"
POLICIES = DOCS / "policies"
REGION, ACCOUNT = "us-east-1", "123456789012"
EXECUTION_ROLE = f"arn:aws:iam::{ACCOUNT}:role/sagemaker-execution"
BUCKET = f"sagemaker-{REGION}-{ACCOUNT}"
BLOCK = re.compile(r"^ *```bash\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
# One line for each call, its arguments apart.
AWS = f"""\
#!/bin/sh
printf '%s\\037' "$@" >> "$AWS_CALLS"
echo >> "$AWS_CALLS"
[ "$1" != sts ] || echo {ACCOUNT}
"""


@dataclass(frozen=True, kw_only=True)
class FirstDay:
    """What following the page has done.

    aws: the account, if there is one
    printed: the lines that its commands printed
    answers: the answers of AWS, in their order, each with the call
    """

    aws: EmbeddedAWS | None
    printed: list[str]
    answers: list[tuple[str, Any]]


def follow(
    folder: Path, aws: EmbeddedAWS | None = None, branch: str = "main"
) -> FirstDay:
    """Follow the page in a folder, and make its calls of AWS if there is one.

    branch: the default branch, for the one line that names it
    """
    (folder / "docs").mkdir(parents=True)
    (folder / "docs" / "policies").symlink_to(POLICIES)
    program, calls = folder / "bin" / "aws", folder / "calls"
    program.parent.mkdir()
    program.write_text(AWS)
    program.chmod(0o755)
    found = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    script = "\n".join(textwrap.dedent(one) for one in found)
    script = script.replace(
        "AWS_DEFAULT_REGION=eu-west-1", f"AWS_DEFAULT_REGION={REGION}"
    )
    script = script.replace("BRANCH=main ", f"BRANCH={branch} ", 1)
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={"PATH": f"{program.parent}:/usr/bin:/bin", "AWS_CALLS": str(calls)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    lines = [line.split("\037")[:-1] for line in calls.read_text().splitlines()]
    answers = [(" ".join(one[:2]), _call(folder, aws, *one)) for one in lines if aws]
    return FirstDay(aws=aws, printed=ran.stdout.splitlines(), answers=answers)


def _call(
    folder: Path, aws: EmbeddedAWS, service: str, command: str, *rest: str
) -> Any:
    """Make a call of the AWS command line with boto3."""
    if (service, command) == ("s3", "mb"):
        bucket = rest[0].removeprefix("s3://")
        return clones.connect(aws, "s3").create_bucket(Bucket=bucket)
    client = clones.connect(aws, {"s3api": "s3"}.get(service, service))
    method = command.replace("-", "_")
    operation = client.meta.method_to_api_mapping[method]
    members = client.meta.service_model.operation_model(operation).input_shape.members
    names = {f"--{xform_name(name, '-')}": name for name in members}
    given = {}
    for flag, values in _flags(rest):
        # How the answer is shown.
        if flag in ("--query", "--output"):
            continue
        name = names[flag]
        given[name] = _value(folder, members[name].type_name, values)
    return getattr(client, method)(**given)


def _flags(rest: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
    starts = [at for at, one in enumerate(rest) if one.startswith("--")]
    for start, end in zip(starts, [*starts[1:], len(rest)], strict=True):
        yield rest[start], list(rest[start + 1 : end])


def _value(folder: Path, kind: str, values: list[str]) -> Any:
    """Read an argument as the command line does: a file, JSON, `Name=value` or text."""
    if kind == "list":
        return values
    text = values[0]
    if text.startswith("file://"):
        text = (folder / text.removeprefix("file://")).read_text(encoding="utf-8")
    if kind != "structure":
        return text
    if text.startswith(("{", "[")):
        return json.loads(text)
    return dict(pair.split("=", 1) for pair in text.split(","))
