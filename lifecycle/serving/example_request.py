"""How to call an endpoint: a request that works, from Python and from a shell."""

import json
import shlex

from lifecycle.invocation import CSV, JSON, Golden, payloads

PYTHON = """\
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
    body = next(iter(payloads(golden.rows[:1])))
    text = body.text
    if body.content_type == JSON:
        text = json.dumps(json.loads(text)[0], ensure_ascii=False)
    accept = JSON if body.content_type == JSON else CSV
    known = {"endpoint": endpoint, "kind": body.content_type, "accept": accept}
    # Text is sent as UTF-8.
    literal = json.dumps(text, ensure_ascii=False) + ".encode()"
    in_python = PYTHON.format(**known, body=literal)
    in_shell = SHELL.format(**known, body=shlex.quote(text))
    said = f"predicts {golden.predictions[0]:.6g}"
    if body.content_type == CSV and golden.columns:
        said += f", of {', '.join(golden.columns)}"
    return f"# {said}\n{in_python}\n# the same in a shell\n{in_shell}"
