"""Secrets by their form, and what only looks like one."""

import time

import pytest

from runner.notebook.scrub import MASK, Scrubber, _detect

# Put together here, so that no scanner takes this file for a leak.
SECRETS = {
    "SendGrid": "SG." + "a" * 22 + "." + "b" * 43,
    "Stripe": "sk_" + "live_" + "a1" * 12,
    "Twilio": "SK" + "ab12" * 8,
    "Slack": "https://hooks." + "slack.com/services/T0AAAAAAA/B0AAAAAAA/abcdEFGH1234",
    "PyPI": "pypi-" + "AgEIcHlwaS5vcmc" + "A1b_" * 20,
    "Azure": "AccountKey=" + "a1B/" * 22,
    "Telegram": "123456789" + ":" + "aB3_-" * 7,
    "GitLab": "glrt-" + "a1B2" * 5,
    "AWS": "aws_secret_key = '" + "aB1+" * 10 + "'",
}


@pytest.mark.parametrize("kind", SECRETS)
def test_a_token_is_known_by_its_form(kind: str) -> None:
    """Whoever issued it, and wherever in a line it stands."""
    found = list(_detect(f"before {SECRETS[kind]} after"))

    assert found
    assert all(one in SECRETS[kind] for one in found)


@pytest.mark.parametrize("kind", SECRETS)
def test_the_scrubber_asks(kind: str) -> None:
    """It is masked also in base64."""
    import base64

    encoded = base64.b64encode(f"token {SECRETS[kind]}".encode()).decode()
    scrubbed = Scrubber().text(f"{SECRETS[kind]} {encoded}")

    assert SECRETS[kind] not in scrubbed
    assert encoded not in scrubbed
    assert scrubbed.count(MASK) >= 2


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:sagemaker:us-east-1:123456789012:model-package/abalone/1",
        "churn-20261123063359-4063b4-20261123063432",
        "b0532526412d4dae5228a657232b60d83490ea99eff8e4de7f4934a0cbb14a48",
        "s3://sagemaker-us-east-1-123456789012/abalone/runs/20261123063359-2e0073",
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0",
        "AccuracyPlot APCalibration1 8.8.8.8",
    ],
)
def test_names_and_hashes_stay(text: str) -> None:
    """A page without them would say nothing."""
    assert list(_detect(text)) == []


def test_a_picture_is_not_searched() -> None:
    """A megabyte of base64 takes no time."""
    started = time.process_time()

    assert list(_detect("iVBORw0K" * 150_000)) == []
    assert time.process_time() - started < 0.5
