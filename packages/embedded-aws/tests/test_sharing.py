"""One embedded AWS of a folder: found, started once, ended, and found again."""

import os
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace

import pytest
from embedded_account import Account, connect, rows, until
from embedded_aws import (
    EmbeddedAWSError,
    InUseError,
    PortError,
    find,
    reset,
    share,
    sharing,
    stop,
    stop_if_unused,
)
from embedded_aws.account import DEFAULT_BUCKET
from embedded_aws.faults import Fault
from embedded_aws.process import LOG, tail
from embedded_aws.sharing import ADDRESS, LOCKS, SERVING, USING, Address, lock
from embedded_aws.state import DATABASE, VERSION

pytestmark = pytest.mark.usefixtures("warm")
PYTHON = sys.executable
PART = b"x" * 5 * 1024**2
LARGE = {"Bucket": DEFAULT_BUCKET, "Key": "large"}
TAG = {"Key": "owner", "Value": "me"}


@pytest.fixture
def folder(tmp_path):
    """Give a folder for the state, whose server is ended."""
    yield tmp_path / "state"
    stop(tmp_path / "state")


def kill(folder):
    """End the server of a folder as a crash does."""
    pid = find(folder).pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: find(folder) is None)


def begin_upload(url, path):
    """Send the first half of an object."""
    connection = HTTPConnection(url.removeprefix("http://"), timeout=30)
    connection.putrequest("PUT", path)
    connection.putheader("Content-Length", str(2 * len(PART)))
    connection.endheaders(PART)
    return connection


def account_of(aws):
    """Wrap the calls to an embedded AWS."""
    return Account(lambda service: connect(aws, service))


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Use one embedded AWS in several tests, in a folder that others may have made."""
    folder = tmp_path_factory.mktemp("shared") / "state"
    folder.mkdir(mode=0o755)
    (folder / "server.log").write_bytes(b"line\n" * 2_000_000)
    with share(folder) as aws:
        yield aws
    stop(folder)


def test_commands_find_one_server_and_what_others_left(folder, monkeypatch):
    """The second uses what the first started; it goes on without them, and restarts.

    A command that comes while it ends waits for that, and starts the next.
    """
    # A process id is that of a child process, not of a fork.
    monkeypatch.setattr(sys, "executable", PYTHON)
    with share(folder) as first:
        account_of(first).put("key", "text")
        with share(folder) as second:
            assert (second.url, second.pid) == (first.url, first.pid)
            assert (first.is_new, second.is_new) == (True, False)
    assert find(folder).pid == first.pid
    with ThreadPoolExecutor(1) as thread:
        with lock(folder / USING, 0):
            late = thread.submit(read_back, folder)
            assert stop(folder)
        third, text = late.result(60)
    assert (third.url, third.is_new) == (first.url, True)
    assert third.pid != first.pid
    assert text == b"text"
    assert stop(folder)
    assert not stop(folder)
    assert find(folder) is None
    ended = [one.returncode for place, one in sharing.started if place == folder]
    assert len(ended) >= 2
    # None is left behind as a zombie.
    assert None not in ended


def read_back(folder):
    """Use the embedded AWS of a folder once, and read what is kept there."""
    with share(folder) as aws:
        answer = account_of(aws).s3.get_object(Bucket=DEFAULT_BUCKET, Key="key")
        return aws, answer["Body"].read()


def test_two_starts_at_once_give_one_server(folder):
    """Also when they are in processes that know nothing of each other."""
    code = (
        "import sys, pathlib; from embedded_aws import share\n"
        "with share(pathlib.Path(sys.argv[1])) as aws: print(aws.pid)"
    )
    commands = [
        subprocess.Popen(
            [sys.executable, "-c", code, folder], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    pids = {command.communicate(timeout=60)[0] for command in commands}
    assert pids == {f"{find(folder).pid}\n"}


def test_folders_do_not_share(shared, folder):
    """Each has a server and a state of its own."""
    account_of(shared).put("key", "text")
    with share(folder) as other:
        assert other.url != shared.url
        objects = account_of(other).s3.list_objects_v2(Bucket=DEFAULT_BUCKET)
        assert objects["KeyCount"] == 0


@pytest.fixture(scope="module")
def crash(tmp_path_factory):
    """Kill a server during training and an upload; give what was there, and is now.

    The folder may have any name, though XGBoost does not read from each.
    """
    folder = tmp_path_factory.mktemp("crash") / "Köln; #1?"
    try:
        with share(folder) as aws:
            before = fill(account_of(aws))
            half = begin_upload(aws.url, f"/{DEFAULT_BUCKET}/half")
            temporary = (folder / "tmp").resolve()
            kill(folder)
            half.close()
        with share(folder) as aws:
            before |= {"folder": folder, "temporary": temporary}
            yield SimpleNamespace(now=account_of(aws), **before)
    finally:
        stop(folder)


def fill(account):
    """Train, register, deploy, and begin what is not finished; describe all of it."""
    account.put("data/train/train.csv", rows(0, 50))
    account.put("data/validation/validation.csv", rows(1, 50))
    job = account.finished(account.train("done"))
    data = job["ModelArtifacts"]["S3ModelArtifacts"]
    package = account.package("group", data, ClientToken="token")
    endpoint = account.live("live", data)["EndpointArn"]
    account.sagemaker.add_tags(ResourceArn=endpoint, Tags=[TAG])
    prediction = account.invoke("live")
    # An endpoint has loaded its model: it needs the data in S3 no more.
    key = data.removeprefix(f"s3://{DEFAULT_BUCKET}/")
    account.s3.delete_object(Bucket=DEFAULT_BUCKET, Key=key)
    upload = account.s3.create_multipart_upload(**LARGE)["UploadId"]
    upload = LARGE | {"UploadId": upload}
    part = account.s3.upload_part(**upload, PartNumber=1, Body=PART)["ETag"]
    settings = make_settings(account.s3)
    account.train("runs", rounds=1_000_000)
    until(lambda: account.job("runs")["SecondaryStatus"] == "Training")
    return {
        "job": job,
        "data": data,
        "package": package,
        "endpoint": endpoint,
        "prediction": prediction,
        "upload": upload,
        "part": part,
        "settings": settings,
    }


def make_settings(s3):
    """Give a bucket and its objects all that can be set; describe it."""
    bucket = {"Bucket": "settings"}
    s3.create_bucket(**bucket, ObjectOwnership="ObjectWriter")
    s3.delete_public_access_block(**bucket)
    s3.put_bucket_versioning(**bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_tagging(**bucket, Tagging={"TagSet": [TAG]})
    rule = {"ID": "rule", "Status": "Enabled", "Filter": {"Prefix": "a/"}}
    s3.put_bucket_lifecycle_configuration(
        **bucket,
        LifecycleConfiguration={"Rules": [rule | {"Expiration": {"Days": 3}}]},
    )
    cors = {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}
    s3.put_bucket_cors(**bucket, CORSConfiguration={"CORSRules": [cors]})
    for body in (b"one", b"two"):
        s3.put_object(
            **bucket,
            Key="Köln/ä b",
            Body=body,
            ContentType="text/csv",
            Metadata={"who": "me"},
            Tagging="owner=me",
            ChecksumAlgorithm="SHA256",
        )
    s3.put_object(**bucket, Key="deleted", Body=b"x")
    s3.delete_object(**bucket, Key="deleted")
    s3.put_object(**bucket, Key="public", Body=b"x", ACL="public-read")
    return describe_settings(s3)


def describe_settings(s3):
    """Describe a bucket and its objects."""
    bucket = {"Bucket": "settings"}
    key = bucket | {"Key": "Köln/ä b"}
    found = [
        s3.list_buckets(),
        s3.get_bucket_versioning(**bucket),
        s3.get_bucket_tagging(**bucket),
        s3.get_bucket_lifecycle_configuration(**bucket),
        s3.get_bucket_cors(**bucket),
        s3.list_object_versions(**bucket),
        s3.head_object(**key, ChecksumMode="ENABLED"),
        s3.get_object_tagging(**key),
        s3.get_object_acl(**bucket, Key="public"),
    ]
    for each in found:
        del each["ResponseMetadata"]
    return found


def test_after_a_crash_a_job_that_ran_has_failed(crash):
    """Its reason says why, and it is not in progress for ever."""
    job = crash.now.job("runs")
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Failed"
    assert "the embedded AWS ended while this job ran" in job["FailureReason"]
    assert job["TrainingEndTime"] >= job["TrainingStartTime"]


def test_after_a_crash_a_job_that_was_done_is_as_it_was(crash):
    """With all that is described of it, and with its log."""
    jobs = crash.now.job("done"), crash.job
    for job in jobs:
        del job["ResponseMetadata"]
    assert jobs[0] == jobs[1]
    assert "train-rmse" in "".join(crash.now.training_log("done"))


def test_after_a_crash_endpoints_serve(crash):
    """The same predictions, though S3 has the model no more."""
    assert crash.now.describe("live")["EndpointStatus"] == "InService"
    assert crash.now.invoke("live") == crash.prediction
    tags = crash.now.sagemaker.list_tags(ResourceArn=crash.endpoint)["Tags"]
    assert tags == [TAG]


def test_after_a_crash_the_registry_goes_on(crash):
    """A repeated call makes no second version, and no number is used again."""
    again = crash.now.package("group", crash.data, ClientToken="token")
    assert again == crash.package
    assert crash.now.package("group", crash.data).endswith("group/2")


def test_after_a_crash_an_upload_in_parts_goes_on(crash):
    """Of the parts that have arrived none has to be sent again."""
    last = crash.now.s3.upload_part(**crash.upload, PartNumber=2, Body=b"end")["ETag"]
    parts = [
        {"PartNumber": 1, "ETag": crash.part},
        {"PartNumber": 2, "ETag": last},
    ]
    crash.now.s3.complete_multipart_upload(
        **crash.upload, MultipartUpload={"Parts": parts}
    )
    assert crash.now.s3.get_object(**LARGE)["Body"].read() == PART + b"end"


def test_after_a_crash_buckets_and_objects_are_as_they_were(crash):
    """Versions, deleted ones too, metadata, checksums, tags and rules."""
    assert describe_settings(crash.now.s3) == crash.settings


def test_after_a_crash_what_was_half_sent_is_not_there(crash):
    """There is no object of it, and no file."""
    objects = crash.now.s3.list_objects_v2(Bucket=DEFAULT_BUCKET)["Contents"]
    assert "half" not in [each["Key"] for each in objects]
    with sqlite3.connect(crash.folder / DATABASE) as database:
        found = database.execute("SELECT files FROM documents").fetchall()
    database.close()
    named = {name for (files,) in found if files for name in files.split()}
    assert {path.name for path in (crash.folder / "objects").iterdir()} == named


def test_after_a_crash_temporary_files_are_gone(crash):
    """Wherever they had to be."""
    assert not crash.temporary.exists()
    assert crash.temporary.name.startswith("embedded-aws-")


def test_ends_when_nobody_has_used_it_for_a_while(folder, monkeypatch):
    """Neither while a command uses it nor while a job runs."""
    monkeypatch.setattr(sharing, "IDLE_MINUTES", 0.2 / 60)
    with share(folder) as aws:
        account = account_of(aws)
        account.put("data/train/train.csv", "1,2")
        account.put("data/validation/validation.csv", "1,2")
        run_a_while(aws, "used")
        assert until(lambda: account.job("used")["TrainingJobStatus"] == "Failed")
        run_a_while(aws, "unused")
    until(lambda: not aws.is_running())
    with share(folder) as again:
        job = account_of(again).job("unused")
    assert job["FailureReason"] == "AlgorithmError: done, exit code: 1"


def run_a_while(aws, name):
    """Start a job that does nothing for longer than the server may be idle."""
    aws.inject(Fault(kind="training-slow", name=name, seconds=0.7))
    aws.inject(Fault(kind="training-algorithm-error", name=name, message="done"))
    account_of(aws).train(name)


def test_a_server_that_others_use_is_left_to_them(shared):
    """What it keeps cannot be removed meanwhile."""
    assert not stop_if_unused(shared.folder)
    with pytest.raises(InUseError, match="is in use by another command"):
        reset(shared.folder)
    assert shared.is_running()


def test_reset_ends_the_server_and_removes_what_it_keeps(folder):
    """What is left are the locks; a folder that is not there is none to remove."""
    assert reset(folder) == 0
    with share(folder) as aws:
        account_of(aws).put("key", "x" * 1000)
    assert reset(folder) > 1000
    assert not aws.is_running()
    assert {path.name for path in folder.iterdir()} == set(LOCKS)


def test_files_of_others_are_left_alone(folder):
    """A folder that has others is refused; what is put beside the state stays."""
    folder.mkdir(mode=0o755)
    (folder / "objects").mkdir()
    (folder / "objects" / "mine").write_text("")
    assert refused(folder).endswith("choose an empty folder")
    assert (folder / "objects" / "mine").exists()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    shutil.rmtree(folder)
    with share(folder):
        (folder / "notes.txt").write_text("")
    reset(folder)
    assert {path.name for path in folder.iterdir()} == {*LOCKS, "notes.txt"}


def test_reset_after_a_crash_leaves_no_temporary_files(tmp_path):
    """Also where they had to be elsewhere."""
    folder = tmp_path / "Köln"
    with share(folder):
        temporary = (folder / "tmp").resolve()
        kill(folder)
    reset(folder)
    assert not temporary.exists()


def test_a_server_ends_when_its_folder_is_removed(folder):
    """What has no state any more serves nobody."""
    with share(folder):
        _, process = sharing.started[-1]
    shutil.rmtree(folder)
    assert find(folder) is None
    assert until(lambda: process.poll() is not None)


def test_only_its_user_can_read_what_it_keeps(shared):
    """Also where another program has made the folder before."""
    assert stat.S_IMODE(shared.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((shared.folder / ADDRESS).stat().st_mode) == 0o600


def test_what_a_dead_server_left_is_no_server(folder):
    """Another process may have its number and another server its port meanwhile."""
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        left = Address(pid=os.getpid(), port=taken.getsockname()[1], token="old")
        left.write(folder)
        with share(folder) as aws:
            assert aws.is_new
            assert aws.url != left.url


def test_a_process_that_does_not_answer_is_not_ended(folder):
    """Its number may be that of another process."""
    folder.mkdir()
    (folder / SERVING).touch()
    with lock(folder / SERVING, 0), subprocess.Popen(["sleep", "60"]) as other:
        Address(pid=other.pid, port=1, token="old").write(folder)
        with pytest.raises(EmbeddedAWSError, match=f"end process {other.pid}"):
            stop(folder, timeout=0)
        assert other.poll() is None
        other.kill()


def test_a_port_that_is_taken_is_refused(folder):
    """Before anything is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        in_use = pytest.raises(PortError, match=f"--port {port}: in use")
        with in_use, share(folder, port):
            pass


def test_a_port_where_it_does_not_serve_is_refused(shared):
    """The error says where it serves."""
    port = Address.read(shared.folder).port
    with share(shared.folder, port) as aws:
        assert aws.url == shared.url
    elsewhere = pytest.raises(PortError, match=f"runs already, at {shared.url}")
    with elsewhere, share(shared.folder, port + 1):
        pass


def refused(folder):
    """Return the one line that refuses a folder."""
    with pytest.raises(EmbeddedAWSError) as caught, share(folder):
        pass
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_folder_that_cannot_be_used_is_refused_with_the_remedy(folder, monkeypatch):
    """A file, a folder of another user, one that cannot be made or written."""
    folder.write_text("")
    assert not stop(folder)
    assert refused(folder).endswith("is a file, and has to be a folder; move it away")
    folder.unlink()
    assert "make it a folder that can be written" in refused(Path("/proc/state"))
    folder.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    assert "belongs to another user" in refused(folder)


def test_a_state_of_another_version_is_refused(folder):
    """The server says so itself, in words that reach the command."""
    folder.mkdir()
    with sqlite3.connect(folder / DATABASE) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    assert "a newer embedded AWS (version 99; this one reads" in refused(folder)


def test_a_damaged_state_is_refused(folder):
    """In one line, with the remedy."""
    folder.mkdir()
    with sqlite3.connect(folder / DATABASE) as database:
        database.execute(f"PRAGMA user_version = {VERSION}")
    database.close()
    expected = f"{folder}: its state is damaged, no such table: documents; remove it"
    assert expected in refused(folder)


def test_a_server_that_dies_at_its_start_says_its_last_words(folder, monkeypatch):
    """In one line, of this start and of no earlier one."""
    broken = folder.with_name("python")
    broken.write_text("#!/bin/sh\necho first >&2; echo broken >&2\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    assert refused(folder).endswith("ended before it was ready; it wrote last: broken")


def test_a_server_that_dies_in_silence_is_not_given_the_words_of_another(
    folder, monkeypatch
):
    """What the server before it wrote last says nothing about this one."""
    with share(folder):
        pass
    stop(folder)
    assert tail(folder / LOG) == "it wrote last: told to end, or idle"
    silent = folder.with_name("python")
    silent.write_text("#!/bin/sh\nexit 1\n")
    silent.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(silent))
    assert refused(folder).endswith("ended before it was ready; it wrote nothing")


def test_nobody_else_can_pose_as_the_server(shared):
    """What answers has to know the token of the folder."""
    address = Address.read(shared.folder)
    assert address.answers()
    wrong = Address(pid=address.pid, port=address.port, token="wrong")
    assert not wrong.answers()


def test_the_log_is_bounded(shared):
    """A long log keeps its end."""
    until(lambda: shared.log.stat().st_size < 2_000_000)
    assert shared.log.read_bytes().startswith(b"line\n")
