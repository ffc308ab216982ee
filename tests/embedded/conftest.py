"""One embedded AWS for all of these tests, and short ways to fill it."""

from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from embedded_account import Account, rows

from runner.embedded import process
from runner.embedded.account import REGION


@pytest.fixture(scope="session")
def embedded():
    """Start the embedded AWS once."""
    with process.start() as aws:
        yield aws


@pytest.fixture(scope="session")
def client(embedded):
    """Make clients that talk to the embedded AWS and never retry."""
    made = {}

    def make(service, region=REGION):
        if (service, region) not in made:
            made[service, region] = boto3.client(
                service,
                region_name=region,
                endpoint_url=embedded.url,
                aws_access_key_id=embedded.environment["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key="embedded",
                config=Config(
                    retries={"total_max_attempts": 1},
                    s3={"addressing_style": "path"},
                ),
            )
        return made[service, region]

    return make


@pytest.fixture
def inject(embedded):
    """Let faults happen, and clear them at the end."""
    yield embedded.inject
    embedded.clear()


@pytest.fixture
def name():
    """Give a name that nothing else has."""
    return f"t-{uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def account(client):
    """Give the account, with a little data in its bucket."""
    account = Account(client)
    account.put("data/train/train.csv", rows(0, 200))
    account.put("data/validation/validation.csv", rows(1, 50))
    return account


@pytest.fixture(scope="session")
def trained(account):
    """Describe one completed training job."""
    return account.finished(account.train(f"shared-{uuid4().hex[:8]}"))
