"""Putting back what an endpoint served before a version turned out wrong."""

import time

from runner.live import Progress, delete, live, settled
from runner.session import client
from runner.verification import verdict

# Beyond the deploy's own time limit: the endpoint matters more.
LIMIT_SECONDS = 900


def put_back(name: str, config: str, on_progress: Progress) -> str:
    """Serve a former config again, verify it once more, and say what became of it."""
    from botocore.exceptions import ClientError

    deadline = time.monotonic() + LIMIT_SECONDS
    if not config:
        delete(name, deadline)
        return "nothing was live before it, so the endpoint was deleted"
    on_progress(f"endpoint {name}: putting {config} back")
    try:
        client("sagemaker").update_endpoint(
            EndpointName=name, EndpointConfigName=config
        )
    except ClientError as error:
        message = error.response["Error"].get("Message", "")
        return f"{config} could not be put back, {message}; live now: {live(name)}"
    after = settled(name, deadline, on_progress)
    if after and after.serves(config):
        return f"put back, live now: {verdict(after)}"
    return f"{config} could not be put back, live now: {verdict(after)}"
