"""Somebody who uses the endpoint all the time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from embedded_aws.process import EmbeddedAWS

# For this row version 1 predicts about 2.0, version 2 twice that.
ROW = "2.0,1.0"
BY_PREDICTION = {2: "version 1", 4: "version 2"}
PAUSE_SECONDS = 0.03


@dataclass(kw_only=True)
class Watch:
    """What the endpoint has answered so far."""

    answers: list[str] = field(default_factory=list)

    @property
    def served(self) -> list[str]:
        """List what was served, in its order, each once."""
        return [name for name, _ in groupby(self.answers)]


@contextmanager
def watching(aws: EmbeddedAWS, model: str) -> Iterator[Watch]:
    """Ask the endpoint again and again, and never twice for one answer."""
    watch, over = Watch(), threading.Event()
    thread = threading.Thread(target=ask, args=(aws, model, watch, over), daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join(30)


def ask(aws: EmbeddedAWS, model: str, watch: Watch, over: threading.Event) -> None:
    """Note which version answers, or that none does."""
    runtime = boto3.client(
        "sagemaker-runtime",
        endpoint_url=aws.url,
        region_name="us-east-1",
        aws_access_key_id=aws.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key="unused",
        config=Config(retries={"total_max_attempts": 1}),
    )
    while not over.wait(PAUSE_SECONDS):
        try:
            answer = runtime.invoke_endpoint(
                EndpointName=model, ContentType="text/csv", Body=ROW
            )
            number = round(float(answer["Body"].read()))
            watch.answers.append(BY_PREDICTION.get(number, f"a wrong answer: {number}"))
        except ClientError as error:
            gone = "not found" in str(error)
            watch.answers.append("nothing" if gone else f"an error: {error}")
        except BotoCoreError as error:
            watch.answers.append(f"an error: {error}")
