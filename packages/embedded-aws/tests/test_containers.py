"""Processes in the place of containers."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from embedded_aws import images
from embedded_aws.sagemaker.containers import (
    Command,
    Container,
    Host,
    can_mount,
    containers,
    handlers_of_sigterm,
    kill_containers,
    make_layer,
)


@pytest.fixture
def container(tmp_path):
    """Start a container whose code has a child, both of which would wait for long."""
    words = ["sh", "-c", "sleep 60 & echo ready; wait"]
    container = Container(Command(words=words, environment=os.environ, folder=tmp_path))
    assert container.process.stdout.readline() == b"ready\n"
    yield container
    kill_containers()
    container.process.wait(10)
    container.process.stdout.close()
    containers.discard(container)


def test_containers_are_killed_with_their_children(container):
    """Nothing of the process group of a container goes on."""
    kill_containers()
    assert container.process.wait(10) == -signal.SIGKILL
    # The child holds the other end of this pipe as long as it lives.
    assert container.process.stdout.read() == b""


def test_a_container_that_has_ended_is_not_signalled(container):
    """Interrupting what has ended does nothing."""
    container.send(signal.SIGKILL)
    container.process.wait(10)
    container.interrupt()
    assert container.process.returncode == -signal.SIGKILL


def test_what_a_command_leaves_running_ends_with_it(tmp_path):
    """A container ends with its command, also where a child holds its output."""
    words = ["sh", "-c", "sleep 60 & echo first; printf last; exit 3"]
    command = Command(words=words, environment=os.environ, folder=tmp_path)
    lines = []
    assert Container(command).run(lines.extend) == 3
    assert lines == ["first", "last"]


def test_sigterm_goes_to_the_processes_that_handle_it():
    """A shell ends by SIGTERM; a process below it that saves its work handles it."""
    code = (
        "import signal; signal.signal(15, print); print('ready', flush=True); input()"
    )
    with subprocess.Popen(
        ["sh", "-c", f'"{sys.executable}" -c "{code}"; true'],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as shell:
        assert shell.stdout.readline() == b"ready\n"
        found = handlers_of_sigterm(shell.pid)
        assert len(found) == 1
        assert found != [shell.pid]
        os.killpg(shell.pid, signal.SIGKILL)


@pytest.mark.skipif(not can_mount(), reason="needs mount namespaces")
def test_a_command_sees_its_folder_as_opt_ml(tmp_path):
    """/opt/ml is the host's folder, the rest of /opt stays, hosts have addresses."""
    host = Host(name="algo-2", folder=tmp_path, hosts=("algo-1", "algo-2"))
    (host.ml / "code").mkdir(parents=True)
    show = "pwd; hostname; ls -A /opt; cat /etc/hosts; echo written >/opt/ml/model"
    command = Command(
        words=["sh", "-c", show], environment=os.environ, folder=host.ml / "code"
    ).on(host)
    lines = []
    assert Container(command).run(lines.extend) == 0
    assert lines[:2] == ["/opt/ml/code", "algo-2"]
    assert {path.name for path in Path("/opt").iterdir()} <= set(lines)
    assert "127.0.0.2 algo-2" in lines
    assert (host.ml / "model").read_text() == "written\n"
    assert not Path("/opt/ml/model").exists()


def test_a_layer_has_the_packages_of_its_image_and_its_own(tmp_path, image_cache):
    """What is put into a layer is found first, then what the image has."""
    image = images.find("sklearn:1.9-0")
    programs = make_layer(image, tmp_path / "layer")
    packages = next((tmp_path / "layer" / "lib").glob("*/site-packages"))
    (packages / "moto.py").write_text("VERSION = 'own'")
    code = "import moto, boto3; print(moto.VERSION, boto3.__name__)"
    shown = subprocess.check_output([programs / "python", "-c", code], text=True)
    assert shown == "own boto3\n"
