"""Where AWS is: embedded, at AWS_ENDPOINT_URL, or the real one; and `runner local`."""

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import botocore.session
import botocore.utils
import click
import laptops
import pytest
import warm_python
from embedded_aws import find, images, stop

from lifecycle.aws import bucket, client
from lifecycle.errors import AwsError
from runner.cli.local import (
    FOLDER_VARIABLE,
    aws_at,
    check_images,
    target_option,
)
from runner.errors import LocalAwsError
from runner.spec.models import load_spec

pytestmark = pytest.mark.usefixtures("warm")
ELSEWHERE = (
    "is not on this machine, and the target is local; unset it, or say --target aws"
)
PYTHON = sys.executable
NO_ADDRESS = "is no address; give one as http://127.0.0.1:5000, or unset it"
ENDED = "error: the embedded AWS ended by itself, by SIGKILL; it wrote "
# What a command runs that ends the embedded AWS beside it.
KILL = """\
import os, pathlib, sys
from embedded_aws import find
folder = pathlib.Path(os.environ["EMBEDDED_AWS_FOLDER"])
os.kill(find(folder).pid, 9)
while find(folder):
    pass
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """Give the embedded AWS of this test a folder of its own, and end it."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "state"))
    yield tmp_path / "state"
    stop(tmp_path / "state")


@pytest.fixture
def cold(monkeypatch):
    """Start the embedded AWS as a child process, of which is known how it ended."""
    monkeypatch.setattr(sys, "executable", PYTHON)


def test_help_shows_one_example_a_line(invoke):
    """They can be copied."""
    lines = [line.strip() for line in invoke("local", "--help").output.splitlines()]

    assert "python -m runner local --port 5000" in lines
    assert "python -m runner local -- jupyter lab" in lines


@pytest.mark.parametrize(
    ("circleci", "arguments", "target"),
    [
        (False, [], "local"),
        (True, [], "aws"),
        (True, ["--target", "local"], "local"),
        (False, ["--target", "aws"], "aws"),
    ],
)
def test_only_circleci_means_aws(monkeypatch, circleci, arguments, target):
    """Elsewhere a real account is reached with `--target aws` only."""
    if circleci:
        monkeypatch.setenv("CIRCLECI", "true")
    probe = click.command()(target_option(lambda target: target))

    with probe.make_context("probe", list(arguments)) as context:
        assert context.params == {"target": target}


def test_local_starts_an_aws_that_the_next_command_finds(monkeypatch):
    """The environment is as before, even after an error; meanwhile work is done."""
    done, seen = [], []
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")

    def fail():
        with aws_at("local", lambda: done.append(1)):
            seen.append(dict(os.environ))
            client("sts").get_caller_identity()
            raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            fail()

    first, second = (each["AWS_ENDPOINT_URL"] for each in seen)
    assert first == second
    assert first.startswith("http://127.0.0.1:")
    assert seen[0]["AWS_ACCESS_KEY_ID"] != "mine"
    assert os.environ["AWS_ACCESS_KEY_ID"] == "mine"
    assert "AWS_ENDPOINT_URL" not in os.environ
    assert done == [1, 1]


def test_the_state_is_that_of_the_clone(monkeypatch, invoke, repo):
    """Two clones share nothing, and a folder below finds its clone's."""
    monkeypatch.delenv(FOLDER_VARIABLE)
    monkeypatch.chdir(repo / "models")
    script = "import os; print(os.environ['AWS_ENDPOINT_URL'])"
    try:
        assert invoke("local", "--", sys.executable, "-c", script).exit_code == 0
        assert find(repo / ".embedded-aws")
    finally:
        assert stop(repo / ".embedded-aws")


def test_the_real_aws_is_used_as_it_is():
    """With all that is configured for it."""
    done = []
    before = dict(os.environ)

    with aws_at("aws", lambda: done.append(1)):
        assert dict(os.environ) == before

    assert done == [1]


@pytest.mark.parametrize(
    ("target", "url", "said"),
    [
        ("local", "https://vpce-1.sagemaker.us-east-1.vpce.amazonaws.com", ELSEWHERE),
        ("local", "http://127.0.0.1.elsewhere.example", ELSEWHERE),
        ("local", "http://localhost@elsewhere.example:5000", ELSEWHERE),
        ("local", "http://[::1", NO_ADDRESS),
        ("aws", "http://[::1", NO_ADDRESS),
        ("local", "http://127.0.0.1:99999", NO_ADDRESS),
        ("local", "127.0.0.1:5000", NO_ADDRESS),
        ("local", "ftp://127.0.0.1", NO_ADDRESS),
        ("local", "http://", NO_ADDRESS),
    ],
)
def test_local_is_refused_where_it_would_lead_elsewhere(
    monkeypatch, invoke, repo, target, url, said
):
    """A run of all stages on this machine implies an approval; elsewhere none does."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.chdir(repo)

    answer = invoke("status", "--target", target)

    assert answer.exit_code == 2
    assert answer.stderr == f"error: AWS_ENDPOINT_URL={url}: {said}\n"


def test_a_refusal_of_aws_is_one_line(aws):
    """Of which the class is this project's."""
    refused = pytest.raises(AwsError, match="AWS refuses DescribeEndpoint: Validation")
    with refused, aws_at("local"):
        client("sagemaker").describe_endpoint(EndpointName="nobody")


def test_an_aws_that_does_not_answer_is_named(aws, monkeypatch):
    """The error says how to start one at that address."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    silent = pytest.raises(
        AwsError, match=r"nothing answers at .*:9; start .* --port 9"
    )
    with silent, aws_at("local"):
        client("sts").get_caller_identity()


@pytest.mark.parametrize("given", ["http://127.0.0.1:9", "http://[::1]:9", ""])
def test_local_leads_nowhere_else(monkeypatch, tmp_path, given):
    """Whatever a laptop's variables, profiles and files say of a real account."""
    for name, value in laptops.variables(tmp_path).items():
        monkeypatch.setenv(name, value)
    if given:
        monkeypatch.setenv("AWS_ENDPOINT_URL", given)
    before = dict(os.environ)

    with aws_at("local"):
        here = os.environ["AWS_ENDPOINT_URL"]
        session = botocore.session.Session()
        clients = [
            session.create_client(name, region_name="us-east-1")
            for name in ("s3", "sagemaker", "sagemaker-runtime", "sts", "logs", "iam")
        ]
        credentials = session.get_credentials()
        proxies = botocore.utils.get_environ_proxies(here)

    assert {one.meta.endpoint_url for one in clients} == {given or here}
    assert urlsplit(here).hostname in ("127.0.0.1", "::1")
    assert (credentials.method, proxies) == ("env", {})
    assert dict(os.environ) == before


def test_a_command_is_led_nowhere_else(monkeypatch, tmp_path, invoke):
    """It gets none of AWS's variables but those that lead to this machine."""
    for name, value in laptops.variables(tmp_path).items():
        monkeypatch.setenv(name, value)
    script = (
        "import os, boto3; print(boto3.client('s3').list_buckets()['Buckets'] and 1);"
        "print(*(k for k in os.environ if 'elsewhere' in os.environ[k]))"
    )

    done = subprocess.run(
        [
            warm_python.executable(),
            "-m",
            "runner",
            "local",
            "--",
            sys.executable,
            "-c",
            script,
        ],
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
    )

    assert (done.returncode, done.stdout.split()) == (0, ["1"])


@pytest.mark.usefixtures("cold")
def test_the_end_of_the_embedded_aws_is_named(folder):
    """It is why a verb fails; the next command finds what was kept."""
    ended = pytest.raises(LocalAwsError, match=r"ended by itself, by SIGKILL; .* again")
    with ended, aws_at("local"):
        client("s3").create_bucket(Bucket="kept")
        kill(folder)
        client("s3").list_buckets()

    with aws_at("local"):
        buckets = client("s3").list_buckets()["Buckets"]

    assert "kept" in [each["Name"] for each in buckets]


def kill(folder):
    """End the embedded AWS of a folder as a crash does."""
    os.kill(find(folder).pid, signal.SIGKILL)
    while find(folder):
        pass


@contextmanager
def serving(*options):
    """Serve in another process, and give it with what it has printed."""
    command = [sys.executable, "-m", "runner", "local", *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            printed = [process.stdout.readline()]
            while not printed[-1].startswith("#"):
                assert process.poll() is None
                printed.append(process.stdout.readline())
            yield process, printed
        finally:
            process.terminate()


@pytest.fixture
def served(folder):
    """Serve in another process until the end of the test."""
    with serving() as (process, _):
        yield process


@pytest.mark.usefixtures("cold")
def test_a_server_that_ends_is_reported_in_one_line(served, folder):
    """`local` ends with it, with exit code 1."""
    kill(folder)
    _, errors = served.communicate(timeout=60)

    assert served.returncode == 1
    assert errors.startswith(ENDED)
    assert errors.count("\n") == 1


def test_what_runs_already_is_served_on(folder, invoke):
    """Another terminal gets the same variables; it ends with the last of them.

    At another port it is served anew if nobody uses it.
    """
    with aws_at("local"):
        url = os.environ["AWS_ENDPOINT_URL"]
    with serving() as (first, printed):
        assert printed[:2] == [f"AWS_ENDPOINT_URL={url}\n", f"export {printed[0]}"]
        assert "which runs already, serves until Ctrl-C" in printed[-1]
        refused = invoke("local", "--port", "1")
        with serving() as (second, _):
            first.terminate()
            first.wait(60)
            assert find(folder).url == url
            assert second.poll() is None
    assert find(folder) is None
    assert refused.exit_code == 2
    assert f"--port 1: the embedded AWS of {folder} runs already, at" in refused.stderr

    with aws_at("local"):
        pass
    port = free_port()
    with serving("--port", str(port)) as (_, printed):
        assert printed[0] == f"AWS_ENDPOINT_URL=http://127.0.0.1:{port}\n"


def free_port():
    """Find a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_help_shows_each_use_in_a_line(invoke):
    """As it is typed."""
    lines = [line.strip() for line in invoke("local", "--help").output.splitlines()]

    assert "python -m runner local -- jupyter lab" in lines


def test_stop_ends_it_wherever_it_is_served(served, invoke, folder):
    """Its state stays; where nothing runs, that is no error."""
    stopped, again = invoke("local", "stop"), invoke("local", "stop")
    _, errors = served.communicate(timeout=60)

    assert (stopped.exit_code, again.exit_code) == (0, 0)
    assert stopped.output == f"stopped; its state stays in {folder}\n"
    assert again.output == "it does not run\n"
    assert errors == "error: the embedded AWS was stopped by another command\n"


def test_reset_removes_the_state_that_nobody_uses(invoke, folder):
    """While a command uses it, the error says so."""
    with aws_at("local"):
        client("s3").put_object(Bucket=bucket(), Key="key", Body=b"x" * 100_000)
        refused = invoke("local", "reset")
    removed = invoke("local", "reset")
    with aws_at("local"):
        found = client("s3").list_objects_v2(Bucket=bucket())

    assert refused.exit_code == 1
    assert "is in use by another command; end it first" in refused.stderr
    assert removed.exit_code == 0
    assert re.fullmatch(rf"removed 0\.\d MB of state from {folder}\n", removed.output)
    assert found["KeyCount"] == 0


def test_memory_serves_another_one_that_keeps_nothing(invoke, folder):
    """Its bucket is not in that of the clone."""
    script = (
        "import boto3; s3 = boto3.client('s3'); s3.create_bucket(Bucket='other');"
        "print([each['Name'] for each in s3.list_buckets()['Buckets']])"
    )

    answer = invoke("local", "--memory", "--", sys.executable, "-c", script)

    assert answer.exit_code == 0
    assert find(folder) is None
    assert not folder.exists()


def test_a_state_that_cannot_be_used_is_one_line(invoke, folder):
    """It names the folder and the remedy."""
    folder.write_text("")

    answer = invoke("local")
    folder.unlink()

    assert answer.exit_code == 1
    assert answer.stderr == (
        f"error: {folder}: is a file, and has to be a folder; move it away\n"
    )


@pytest.mark.usefixtures("cold")
@pytest.mark.parametrize(("code", "expected"), [(0, 1), (7, 7)])
def test_a_server_that_ends_under_a_command_is_reported_after_it(
    invoke, folder, code, expected
):
    """A command that failed keeps its exit code; one that succeeded has failed, too."""
    answer = invoke("local", "--", sys.executable, "-c", KILL, str(code))

    assert answer.exit_code == expected
    assert answer.stderr.startswith(ENDED)
    assert answer.stderr.count("\n") == 1


def test_a_command_runs_with_aws_and_returns_its_exit_code(invoke):
    """Nothing else is printed."""
    script = "import os, sys; sys.exit(len(os.environ['AWS_ENDPOINT_URL']) > 7)"

    answer = invoke("local", "--", sys.executable, "-c", script)

    assert (answer.exit_code, answer.output) == (1, "")


def test_a_port_in_use_is_a_wrong_call(invoke, folder):
    """The error names the option and the remedy."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = invoke("local", "--port", str(port))

    assert answer.exit_code == 2
    assert answer.stderr == (
        f"error: --port {port}: in use; choose another, or 0 for a free one\n"
    )


def test_a_command_that_is_not_there_is_named(invoke):
    """Before a server is started."""
    answer = invoke("local", "--", "no-such-command")
    word = invoke("local", "rest")

    assert (answer.exit_code, word.exit_code) == (2, 2)
    assert answer.stderr == "error: no-such-command: command not found\n"
    said = "error: rest: command not found; did you mean 'reset'?\n"
    assert word.stderr == said


def test_pull_makes_what_the_scripts_of_models_run_in(
    invoke, repo, monkeypatch, tmp_path
):
    """An environment that is there is not made again; one that cannot be is told."""
    monkeypatch.chdir(repo)
    monkeypatch.setenv(images.CACHE_VARIABLE, str(tmp_path / "images"))
    assert invoke("local", "pull").output == ""
    yaml = repo / "models" / "toy" / "model.yaml"
    script = "training: {source: t.py, image: {framework: sklearn}, "
    yaml.write_text(yaml.read_text().replace("training: {", script))
    (yaml.parent / "t.py").write_text("")
    images.use_environment("sklearn:1.9-0", Path(sys.executable))
    assert invoke("local", "pull").output == ""
    (yaml.parent / "features.py").write_text("")
    assert invoke("local", "pull").output == ""
    yaml.write_text(yaml.read_text().replace("sklearn}", "sklearn, version: 1.0-1}"))
    refused = invoke("local", "pull")
    assert refused.exit_code == 1
    assert "no requirements for image sklearn:1.0-1; give them with" in refused.stderr


def test_what_cannot_run_here_is_told_before_the_training(repo, monkeypatch, tmp_path):
    """A model with features.py needs its image's environment when it is served."""
    monkeypatch.setenv(images.CACHE_VARIABLE, str(tmp_path / "images"))
    spec = load_spec(repo, "toy")
    check_images(repo, [spec])
    (repo / "models" / "toy" / "features.py").write_text("")
    with pytest.raises(LocalAwsError) as caught:
        check_images(repo, [spec])
    assert str(caught.value) == (
        "models/toy: the environment of image xgboost:3.2-0 is not on this machine; "
        "make it with: embedded-aws pull xgboost:3.2-0"
    )
    images.use_environment("xgboost:3.2-0", Path(sys.executable))
    check_images(repo, [spec])
