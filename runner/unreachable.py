"""What to do when the AWS that the environment leads to cannot be reached."""

import os
from urllib.parse import urlsplit

THIS_MACHINE = ("127.0.0.1", "localhost", "::1")


def no_profile(name: str) -> str:
    """Say where a profile was looked for."""
    place = os.environ.get("AWS_CONFIG_FILE", "~/.aws/config")
    return (
        f"AWS_PROFILE={name}: no such profile in {place}; name another, or unset "
        "AWS_PROFILE"
    )


def no_answer(said: str) -> str:
    """Name what does not answer, and how to bring it back if it was on this machine."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if not endpoint:
        return f"AWS: {said}"
    url = urlsplit(endpoint)
    remedy = "is it running?"
    if url.hostname in THIS_MACHINE and url.port:
        remedy = (
            f"start `python -m runner local --port {url.port}` again, or unset the "
            "variables that it printed (AWS_ENDPOINT_URL, AWS_PROFILE, ...)"
        )
    return f"nothing answers at AWS_ENDPOINT_URL={endpoint}; {remedy}"
