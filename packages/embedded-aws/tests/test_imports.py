"""What is imported, and when: the embedded AWS has to start quickly."""

import subprocess
import sys

import pytest

MOTO = {"moto", "boto3", "botocore", "flask", "werkzeug"}
HEAVY = {"numpy", "pandas", "xgboost", "sklearn"}


def imported_by(statements):
    """Return the modules that a new interpreter has imported after statements."""
    script = f"{statements}\nimport sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("statements", "absent"),
    [
        ("import embedded_aws, embedded_aws.faults", MOTO | HEAVY),
        ("from embedded_aws.application import Application; Application()", HEAVY),
    ],
)
def test_imports_nothing_that_it_does_not_need(statements, absent):
    """Moto waits for the server, what trains and reads data for its first use."""
    assert not absent & imported_by(statements)


def test_knows_nothing_of_the_repository_around_it():
    """The package can be installed and used alone."""
    modules = imported_by("import embedded_aws.server")
    assert not {"runner", "lifecycle", "forked_kernels", "papermill"} & modules
