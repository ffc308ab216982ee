"""Small packages with real models, for the tests of registry and endpoint."""

import io
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd
import xgboost as xgb
from embedded_aws import EmbeddedAWS
from embedded_aws.faults import Fault

from lifecycle.approval import approve
from lifecycle.aws import client, run_uri
from lifecycle.data import write_splits
from lifecycle.deploy import deploy
from lifecycle.endpoint import EndpointState
from lifecycle.evaluation import predict
from lifecycle.invocation import record_golden
from lifecycle.registration.packages import Mode, Package
from lifecycle.registry import create_package
from lifecycle.s3 import write_bytes
from lifecycle.serving.endpoint_config import add_model, read_config
from lifecycle.serving.hosting import read_settings

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
ENDPOINT = {"instance_type": "ml.m5.large", "instance_count": 1}
FEATURES = ["a", "b"]
ROWS = [[0.0, 5.0], [1.0, 3.0], [2.0, 1.0], [3.0, 4.0]]


def new_name() -> str:
    """Give a model name that no other test uses."""
    return f"m-{uuid4().hex[:12]}"


@cache
def train_booster(factor: float) -> xgb.Booster:
    """Train a model that predicts about the first feature times a factor."""
    features = np.array(ROWS * 10, dtype="float32")
    rows = xgb.DMatrix(features, label=factor * features[:, 0], nthread=1)
    settings = {"objective": "reg:squarederror", "eta": 0.9, "nthread": 1}
    return xgb.train(settings, rows, 20)


def archive(content: bytes, name: str = "xgboost-model") -> bytes:
    """Pack a model file as a training job does."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def upload_model(model: str, run_id: str, booster: xgb.Booster) -> str:
    """Put a model where its training job would have left it."""
    uri = run_uri(model, run_id, "model", "model.tar.gz")
    return write_bytes(uri, archive(bytes(booster.save_raw("ubj"))))


def make_package(
    model: str,
    *,
    factor: float = 1.0,
    golden_factor: float | None = None,
    approved: bool = True,
    mode: Mode = "manual",
    metrics: Mapping[str, float] | None = None,
    **metadata: str,
) -> Package:
    """Register a small model, by default approved and with true golden rows."""
    run_id = uuid4().hex[:8]
    booster = train_booster(factor)
    recorded = train_booster(golden_factor) if golden_factor else booster
    golden = run_uri(model, run_id, "evidence", "golden.json")
    record_golden(
        golden,
        ROWS,
        recorded.predict(xgb.DMatrix(np.array(ROWS), nthread=1)).tolist(),
        FEATURES,
    )
    lineage: dict[str, Any] = {
        "fingerprint": "f" * 64,
        "commit": "c0ffee" * 6,
        "run_id": run_id,
        "training_job": f"{model}-{run_id}",
        "golden": golden,
    }
    package = create_package(
        model,
        image=IMAGE,
        model_data=upload_model(model, run_id, booster),
        metrics=metrics or {"rmse": 0.5},
        metadata=lineage | metadata,
        approval=mode,
    )
    return approve(model, arn=package.arn) if approved else package


def serve_trained(
    model: str,
    booster: xgb.Booster,
    splits: Mapping[str, pd.DataFrame],
    *,
    classes: Sequence[str] = (),
    metrics: Mapping[str, float] | None = None,
    **metadata: str,
) -> Package:
    """Register, approve and serve a model that was trained on splits, label first."""
    run = {"run_id": "live"}
    prepared = write_splits(model, run, splits, classes=classes)
    features = splits["test"].iloc[:10, 1:]
    golden = run_uri(model, run, "evidence", "golden.json")
    record_golden(
        golden,
        features.to_numpy().tolist(),
        predict(booster, features).tolist(),
        list(features),
        classes,
    )
    lineage = {
        "fingerprint": "f" * 64,
        "run_id": "live",
        "training_job": f"{model}-live",
        "golden": golden,
        "test": prepared["test"],
    }
    package = create_package(
        model,
        image=IMAGE,
        model_data=upload_model(model, "live", booster),
        metrics=metrics or {"rmse": 0.5},
        metadata=lineage | metadata,
    )
    serve(approve(model, arn=package.arn))
    return package


@contextmanager
def once(event: str, act: Callable[[], object]) -> Iterator[None]:
    """Let something happen at the next event of botocore's, as by another deploy."""
    events = client(event.split(".")[1]).meta.events

    def handle(**_: object) -> None:
        events.unregister(event, handle)
        act()

    events.register(event, handle)
    yield
    events.unregister(event, handle)


def when_updating(
    aws: EmbeddedAWS, model: str, act: Callable[[], object]
) -> Callable[[str], None]:
    """Hold up the next update of an endpoint until its progress is told, then act.

    Returns what a deploy takes as `on_progress`.
    """
    held = [aws.inject(Fault(kind="endpoint-slow", name=model, seconds=60))]

    def on_progress(line: str) -> None:
        if held and line == f"endpoint {model}: Updating":
            aws.clear(held.pop())
            act()

    return on_progress


def interrupt(**_: object) -> None:
    """Interrupt what the test does, as Ctrl-C would."""
    raise KeyboardInterrupt


def ignore(_: str) -> None:
    """Ignore what a deploy or a training job reports."""


def serve(
    package: Package,
    *,
    endpoint: Mapping[str, Any] = ENDPOINT,
    wait_seconds: float = 60,
    on_progress: Callable[[str], None] = ignore,
) -> EndpointState:
    """Deploy a package with the settings that most tests share."""
    return deploy(
        package, endpoint=endpoint, wait_seconds=wait_seconds, on_progress=on_progress
    )


def settings_of(model: str, config: str) -> dict[str, Any]:
    """Read the keys of model.yaml that an endpoint config was made from."""
    return read_settings(add_model(read_config(config, {"EndpointName": model})))


def delete_endpoint(name: str) -> None:
    """End an endpoint, so that its container does not outlive the test."""
    client("sagemaker").delete_endpoint(EndpointName=name)
