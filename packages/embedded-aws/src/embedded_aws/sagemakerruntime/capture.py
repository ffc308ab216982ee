"""Data capture: requests and answers of an endpoint, as lines of JSON in S3."""

import base64
import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from moto.s3.exceptions import MissingBucket

from embedded_aws.s3 import store
from embedded_aws.s3.store import AccessDeniedError, S3Uri

Values = dict[str, Any]


def capture(
    config: Values,
    place: Sequence[str],
    request: tuple[bytes, str],
    answer: tuple[bytes, str],
    inference_id: str | None,
) -> str:
    """Write a request and its answer as AWS does, or a share of them.

    Args:
        config: the DataCaptureConfig of the endpoint.
        place: the names of endpoint and variant.
        request: the body, and its content type; so is the answer.

    Returns:
        Why nothing could be written, or nothing.
    """
    if random.random() * 100 >= config["InitialSamplingPercentage"]:
        return ""
    modes = {option["CaptureMode"] for option in config["CaptureOptions"]}
    types = config.get("CaptureContentTypeHeader", {})
    data = {}
    if modes & {"Input", "InputAndOutput"}:
        data["endpointInput"] = _part("INPUT", *request, types)
    if modes & {"Output", "InputAndOutput"}:
        data["endpointOutput"] = _part("OUTPUT", *answer, types)
    now = datetime.now(UTC)
    event = {"eventId": str(uuid4()), "inferenceTime": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
    if inference_id:
        event["inferenceId"] = inference_id
    line = {"captureData": data, "eventMetadata": event, "eventVersion": "0"}
    folder = S3Uri.parse(config["DestinationS3Uri"])
    name = f"{now:%Y/%m/%d/%H/%M-%S}-{now.microsecond // 1000:03}-{uuid4()}.jsonl"
    key = "/".join(filter(None, [folder.key.rstrip("/"), *place, name]))
    try:
        target = S3Uri(bucket=folder.bucket, key=key)
        store.write(target, f"{json.dumps(line)}\n".encode())
    except (AccessDeniedError, MissingBucket) as error:
        return f"data capture to {folder} failed: {error}"
    return ""


def _part(mode: str, body: bytes, kind: str, types: Values) -> Values:
    """Return one side of a call; what is not listed as text is written in base64."""
    plain = kind.partition(";")[0].strip().lower()
    encoding = "BASE64"
    for name, listed in (("CSV", "CsvContentTypes"), ("JSON", "JsonContentTypes")):
        if plain in (each.lower() for each in types.get(listed, [])):
            encoding = name
    text = body.decode(errors="replace")
    if encoding == "BASE64":
        text = base64.b64encode(body).decode()
    return {
        "observedContentType": kind,
        "mode": mode,
        "data": text,
        "encoding": encoding,
    }
