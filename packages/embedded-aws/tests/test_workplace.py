"""What the embedded AWS leaves behind: nothing."""

import os
import signal
import subprocess
import sys

import pytest
from embedded_aws import workplace


@pytest.fixture
def sleeper():
    """Start a subprocess with a child, both of which would wait for long."""
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, start_new_session=True
    )
    workplace.started(process)
    with process:
        yield process
        workplace.clear()
        workplace.finished(process)


def test_clearing_kills_every_subprocess_and_its_children(sleeper):
    """Nothing of the process group of a subprocess is left."""
    workplace.clear()
    assert sleeper.wait(10) == -signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        os.killpg(sleeper.pid, 0)


def test_a_subprocess_that_has_ended_is_not_signalled(sleeper):
    """Signalling what has ended does nothing."""
    workplace.send(sleeper, signal.SIGKILL)
    sleeper.wait(10)
    workplace.send(sleeper, signal.SIGTERM)
    assert sleeper.returncode == -signal.SIGKILL


def test_temporary_folders_are_made_in_the_folder_in_use(tmp_path, monkeypatch):
    """What the embedded AWS writes, it writes below one folder."""
    monkeypatch.setattr(workplace, "folders", [])
    workplace.use(tmp_path)
    folder = workplace.scratch("model")
    assert folder.parent == tmp_path
    assert folder.name.startswith("model-")
