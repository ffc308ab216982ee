"""One embedded AWS for all of these tests, and short ways to fill it."""

import os
import sys
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from unittest.mock import patch
from uuid import uuid4

import pytest
from embedded_account import Account, connect, rows
from embedded_aws import images, start


@pytest.fixture(scope="session")
def image_cache(tmp_path_factory):
    """Let the scikit-learn image run in these tests' own environment."""
    # Servers of other tests of this process may look there already.
    folder = os.environ.get(images.CACHE_VARIABLE) or tmp_path_factory.mktemp("images")
    with patch.dict(os.environ, {images.CACHE_VARIABLE: str(folder)}):
        images.use_environment("sklearn:1.9-0", Path(sys.executable))
        yield Path(folder)


@contextmanager
def started_warm():
    """Start servers by the warm Python of the repository's tests, if there is one."""
    warm = os.environ.get("TESTS_WARM_PYTHON", sys.executable)
    with patch.object(sys, "executable", warm):
        yield


@pytest.fixture(scope="module")
def warm():
    """Let each server of a module, and its training jobs, start warm."""
    with started_warm():
        yield


@pytest.fixture(scope="session")
def embedded(image_cache):
    """Start the embedded AWS once."""
    with started_warm():
        aws = start()
    with aws:
        yield aws


@pytest.fixture(scope="session")
def client(embedded):
    """Make clients of the embedded AWS, one for each service."""
    return cache(partial(connect, embedded))


@pytest.fixture
def inject(embedded):
    """Inject faults, and clear them at the end."""
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
