"""How to call an endpoint: a request that works, from Python and from a shell."""

import json
import shlex
from collections.abc import Mapping

from lifecycle.invocation import CSV, JSON, Golden, payloads

PYTHON = """\
import json

import boto3

answer = boto3.client("sagemaker-runtime").invoke_endpoint(
    EndpointName={endpoint!r},
    ContentType={kind!r},
    Accept={accept!r},
    Body={body},
)
print(answer["Body"].read().decode())
"""
SHELL = """\
aws sagemaker-runtime invoke-endpoint --endpoint-name {endpoint} \\
  --content-type {kind} --accept {accept} \\
  --cli-binary-format raw-in-base64-out --body {body} /dev/stdout
"""


def example_request(endpoint: str, golden: Golden | None) -> str:
    """Return how the first golden record of a model is sent to its endpoint.

    Args:
        golden: None of a version that was registered without golden records.
    """
    if golden is None:
        return "the version was registered without golden records: no example"
    first, text = golden.rows[0], next(iter(payloads(golden.rows[:1]))).text
    body, kind, more = repr(text), CSV, ""
    if isinstance(first, Mapping):
        text, kind = json.dumps(dict(first), ensure_ascii=False), JSON
        body = f"json.dumps({dict(first)!r})"
    elif golden.columns:
        more = f", of {', '.join(golden.columns)}"
    known = {"endpoint": endpoint, "kind": kind, "accept": kind}
    in_python = PYTHON.format(**known, body=body)
    if kind == CSV:
        in_python = in_python.removeprefix("import json\n\n")
    in_shell = SHELL.format(**known, body=shlex.quote(text))
    said = f"predicts {_predicted(golden)}{more}"
    return f"# {said}\n{in_python}\n# the same in a shell\n{in_shell}"


def _predicted(golden: Golden) -> str:
    """Say what is predicted for the first record, of several classes each by name."""
    first = golden.predictions[0]
    if not isinstance(first, list):
        return f"{first:.6g}"
    names = golden.classes or [""] * len(first)
    pairs = zip(names, first, strict=True)
    return ", ".join(f"{name} {one:.6g}".strip() for name, one in pairs)
