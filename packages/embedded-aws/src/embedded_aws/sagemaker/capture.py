"""Data capture: requests and answers of an endpoint, as SageMaker keeps them in S3."""

import base64
import json
import random
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from uuid import uuid4

from moto.core.utils import utcnow
from moto.s3.exceptions import MissingBucket

from embedded_aws.s3 import store
from embedded_aws.s3.store import S3Uri
from embedded_aws.sagemaker.resources import Values

ENCODINGS = (("CsvContentTypes", "CSV"), ("JsonContentTypes", "JSON"))


def keep_capture(
    config: Values,
    place: Sequence[str],
    asked: tuple[str | None, bytes],
    answered: tuple[str | None, bytes],
    inference_id: str | None = None,
) -> None:
    """Write a request and its answer to S3, unless this one is not sampled.

    Every request has a file of its own. A bucket that is missing or denied loses it.

    Args:
        config: the DataCaptureConfig.
        place: the names of endpoint and variant.
        asked: content type and body of the request; `answered`: of the answer.
    """
    percent = config["InitialSamplingPercentage"]
    if not config.get("EnableCapture") or random.uniform(0, 100) >= percent:
        return
    modes = {one["CaptureMode"] for one in config["CaptureOptions"]}
    captured = {}
    for mode, part, (kind, body) in (
        ("Input", "endpointInput", asked),
        ("Output", "endpointOutput", answered),
    ):
        if modes & {mode, "InputAndOutput"}:
            captured[part] = _captured(config, mode.upper(), kind or "", body)
    now = utcnow()
    event = {
        "eventId": str(uuid4()),
        "inferenceTime": f"{now:%Y-%m-%dT%H:%M:%SZ}",
    }
    if inference_id:
        event["inferenceId"] = inference_id
    line = {
        "captureData": captured,
        "eventMetadata": event,
        "eventVersion": "0",
    }
    with suppress(MissingBucket, store.AccessDeniedError):
        store.write(_uri(config, place, now), f"{json.dumps(line)}\n".encode())


def _uri(config: Values, place: Sequence[str], now: datetime) -> S3Uri:
    folder = "/".join((config["DestinationS3Uri"].rstrip("/"), *place))
    return S3Uri.parse(f"{folder}/{now:%Y/%m/%d/%H/%M-%S-%f}-{uuid4()}.jsonl")


def _captured(config: Values, mode: str, kind: str, body: bytes) -> Values:
    """Return one side: as text where its content type is listed, else in base64."""
    header = config.get("CaptureContentTypeHeader", {})
    bare = kind.partition(";")[0].strip()
    listed = (name for member, name in ENCODINGS if bare in header.get(member, ()))
    encoding = next(listed, "BASE64")
    data = base64.b64encode(body).decode()
    if encoding != "BASE64":
        data = body.decode(errors="replace")
    described = {"observedContentType": kind, "mode": mode}
    return described | {"data": data, "encoding": encoding}
