"""Training jobs that run a script, by the contract of SageMaker's containers."""

import io
import json
import subprocess
import sys
import tarfile
import zipfile

import pytest
from botocore.exceptions import ClientError
from embedded_account import invalid, refusal, until
from embedded_aws.account import DEFAULT_BUCKET
from embedded_aws.sagemaker import containers, script_mode
from embedded_aws.sagemaker.containers import Host, can_mount
from packed_code import REGISTRY, SKLEARN, packed

CUSTOM = "123456789012.dkr.ecr.us-east-1.amazonaws.com/our-image:7"
# An image that no test of the process makes an environment for.
NOT_PULLED = f"{REGISTRY}/sagemaker-xgboost:3.0-5"


def wheel(name, version):
    """Make a package that pip can install, with one module."""
    about = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    tag = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = {
        f"{name}.py": f"VERSION = {version}\n",
        f"{about}/METADATA": metadata,
        f"{about}/WHEEL": tag,
        f"{about}/RECORD": "",
    }
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return target.getvalue()


@pytest.fixture
def run(account, name):
    """Start a job of the classic kind with these files as its code."""

    def start(files, parameters=None, image=SKLEARN, program="train.py", **changes):
        if isinstance(files, str):
            files = {program: files}
        account.put(f"code/{name}/sourcedir.tar.gz", packed(files))
        uri = f"s3://{DEFAULT_BUCKET}/code/{name}/sourcedir.tar.gz"
        given = {"sagemaker_program": program, "sagemaker_submit_directory": uri}
        given |= parameters or {}
        encoded = {key: json.dumps(value) for key, value in given.items()}
        changes = {"InputDataConfig": [account.channel("train")]} | changes
        return account.train(name, image, HyperParameters=encoded, **changes)

    return start


def entry(*words):
    """Describe an algorithm that runs these words as they are."""
    return {
        "TrainingImage": SKLEARN,
        "TrainingInputMode": "File",
        "ContainerEntrypoint": list(words),
    }


def unpacked(account, name, archive="model.tar.gz"):
    """Read the files of one of a job's archives."""
    key = f"out/{name}/output/{archive}"
    body = account.s3.get_object(Bucket=DEFAULT_BUCKET, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as found:
        files = [each for each in found if each.isfile()]
        return {each.name: found.extractfile(each).read().decode() for each in files}


ARGUMENTS = """
    import json, os, sys
    from pathlib import Path

    base = Path(os.environ["SM_MODEL_DIR"]).parent
    config = {p.stem: json.loads(p.read_text()) for p in base.glob("input/config/*")}
    said = {"arguments": sys.argv[1:], "config": config, "variables": dict(os.environ)}
    said["train"] = os.listdir(os.environ["SM_CHANNEL_TRAIN"])
    said["prefix"] = sys.prefix
    model = Path(os.environ["SM_MODEL_DIR"])
    (model / "größe").mkdir()
    (model / "größe" / "模型.json").write_text(json.dumps(said))
    print("Grüße, 世界\\tloss: 0.25;", "x" * 300_000)
    for number in range(4_000):
        print("line", number)
    data = Path(os.environ["SM_OUTPUT_DATA_DIR"])
    (data / "big").write_bytes(b"0" * 5_000_000)
    print("loss: 0.125;")
"""


def test_a_variable_names_the_script(account, run, name):
    """Before the hyperparameter does, also for the image of the built-in algorithm."""
    saves = "import os; open(os.environ['SM_MODEL_DIR'] + '/{}', 'w').close()"
    files = {each: saves.format(each) for each in ("train.py", "other.py")}
    chosen = {"SAGEMAKER_PROGRAM": "other.py"}
    run(files, Environment=chosen)
    built_in = account.train(f"{name}-2", NOT_PULLED, Environment=chosen)
    assert account.finished(name)["TrainingJobStatus"] == "Completed"
    assert {*unpacked(account, name)} == {"other.py"}
    assert "embedded-aws pull" in account.finished(built_in)["FailureReason"]


def test_script_finds_the_contract_of_the_container(account, run, name):
    """A script has arguments, variables, files and channels, and leaves model and data.

    Text of any language and much output arrive in the log and in S3.
    """
    metric = {"Name": "loss", "Regex": "loss: ([0-9.]+);"}
    algorithm = {"TrainingImage": SKLEARN, "TrainingInputMode": "File"}
    parameters = {"learning-rate": 0.5, "name": "a b", "z": True}
    run(
        ARGUMENTS,
        parameters,
        AlgorithmSpecification=algorithm | {"MetricDefinitions": [metric]},
        Environment={"OUR_SETTING": "7"},
    )
    job = account.finished(name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert [m["Value"] for m in job["FinalMetricDataList"]] == [0.125]
    ((path, text),) = unpacked(account, name).items()
    said = json.loads(text)
    assert path == "größe/模型.json"
    given = ["--learning-rate", "0.5", "--name", "a b", "-z", "True"]
    assert said["arguments"] == given
    assert said["train"] == ["train.csv"]
    resources = said["config"]["resourceconfig"]
    assert resources["current_host"] == "algo-1"
    assert resources["current_instance_type"] == "ml.m5.large"
    assert said["config"]["inputdataconfig"]["train"]["ContentType"] == "text/csv"
    variables = said["variables"]
    assert variables["SM_HP_LEARNING_RATE"] == "0.5"
    assert variables["TRAINING_JOB_NAME"] == name
    assert variables["OUR_SETTING"] == "7"
    assert json.loads(variables["SM_HPS"]) == parameters
    assert "EMBEDDED_AWS_TOKEN" not in variables
    # Its environment lies upon the image's, and is not the image's own.
    assert said["prefix"] != sys.prefix
    log = account.training_log(name)
    assert "The embedded AWS runs this job with sklearn:1.9-0" in log[0]
    assert any(line.startswith("Grüße, 世界#011loss: 0.25;") for line in log)
    (big,) = unpacked(account, name, "output.tar.gz").values()
    assert len(big) == 5_000_000


def test_failing_script_fails_the_job_with_its_exit_code(account, run, name):
    """An exception is in the failure file, the reason ends in the exit code."""
    run("raise ValueError('no such column: sex')")
    job = account.finished(name)
    reason = job["FailureReason"]
    assert reason.startswith("AlgorithmError: ExecuteUserScriptError:\nExitCode 1\n")
    assert 'ErrorMessage "ValueError: no such column: sex"' in reason
    assert reason.endswith(", exit code: 1")
    with pytest.raises(ClientError, match="NoSuchKey"):
        unpacked(account, name)


def test_script_may_write_the_failure_itself(account, name):
    """What an entry point writes to output/failure is the reason."""
    command = "printf 'Zu wenig Zeilen: größer 100' >/opt/ml/output/failure; exit 3"
    account.train(name, AlgorithmSpecification=entry("/bin/sh", "-c", command))
    reason = account.finished(name)["FailureReason"]
    assert reason == "AlgorithmError: Zu wenig Zeilen: größer 100, exit code: 3"


def test_requirements_are_installed_for_one_job_only(account, run, name):
    """requirements.txt adds to the image's packages in the job, and nowhere else.

    A script's own AWS clients reach the account that it is trained in.
    """
    files = {
        "train.py": f"""
            import boto3, our_tool
            print("our tool", our_tool.VERSION)
            boto3.client("s3").put_object(
                Bucket="{DEFAULT_BUCKET}", Key="written/{name}", Body=b"by the script"
            )
        """,
        "requirements.txt": "--no-index\n./our_tool-7-py3-none-any.whl",
        "our_tool-7-py3-none-any.whl": wheel("our_tool", "7"),
    }
    run(files)
    job = account.finished(name)
    log = account.training_log(name)
    assert job["TrainingJobStatus"] == "Completed", log
    assert "our tool 7" in log
    found = account.s3.get_object(Bucket=DEFAULT_BUCKET, Key=f"written/{name}")
    assert found["Body"].read() == b"by the script"
    missing = [sys.executable, "-c", "import our_tool"]
    assert subprocess.run(missing, capture_output=True).returncode == 1


def test_shell_script_can_be_the_entry_point(account, run, name):
    """A program that is not Python runs in a shell, with arguments."""
    files = {"train.sh": '#!/bin/sh\necho "$2" >"$SM_MODEL_DIR/model"\n'}
    run(files, {"depth": 3}, program="train.sh")
    assert account.finished(name)["TrainingJobStatus"] == "Completed"
    assert unpacked(account, name) == {"model": "3\n"}


CHECKPOINT = """
    import pathlib, signal, sys, time

    folder = pathlib.Path("/opt/ml/checkpoints")
    found = sorted(path.name for path in folder.iterdir())
    print("found", found)
    (folder / f"epoch-{len(found)}").write_text("weights")

    def save(*_):
        print("saving", flush=True)
        pathlib.Path("/opt/ml/model/partial").write_text("half")
        sys.exit(0)

    signal.signal(signal.SIGTERM, save)
    print("ready", flush=True)
    if not found:
        time.sleep(60)
"""


@pytest.mark.skipif(not can_mount(), reason="needs mount namespaces for /opt/ml")
def test_stopped_script_saves_its_work_and_the_next_one_resumes(account, run, name):
    """SIGTERM reaches the script; checkpoints are in S3 and begin the next job."""
    uri = f"s3://{DEFAULT_BUCKET}/checkpoints/{name}"
    run(CHECKPOINT, CheckpointConfig={"S3Uri": uri})
    until(
        lambda: (
            account.job(name)["SecondaryStatus"] == "Training"
            and "ready" in account.training_log(name)
        )
    )
    account.sagemaker.stop_training_job(TrainingJobName=name)
    job = account.finished(name)
    assert job["TrainingJobStatus"] == "Stopped"
    assert "saving" in account.training_log(name)
    assert unpacked(account, name) == {"partial": "half"}
    again = f"{name}-again"
    files = {"train.py": CHECKPOINT}
    account.put(f"code/{again}/sourcedir.tar.gz", packed(files))
    account.train(
        again,
        SKLEARN,
        CheckpointConfig={"S3Uri": uri},
        HyperParameters={
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": (
                f"s3://{DEFAULT_BUCKET}/code/{again}/sourcedir.tar.gz"
            ),
        },
    )
    assert account.finished(again)["TrainingJobStatus"] == "Completed"
    assert "found ['epoch-0']" in account.training_log(again)
    listed = account.s3.list_objects_v2(
        Bucket=DEFAULT_BUCKET, Prefix=f"checkpoints/{name}/"
    )
    names = [each["Key"].rpartition("/")[2] for each in listed["Contents"]]
    assert names == ["epoch-0", "epoch-1"]


def test_job_without_a_model_completes_without_an_archive(account, run, name):
    """A script that writes no model completes; there is no model.tar.gz then."""
    run("print('nothing to keep')")
    assert account.finished(name)["TrainingJobStatus"] == "Completed"
    with pytest.raises(ClientError, match="NoSuchKey"):
        unpacked(account, name)


TWO_HOSTS = """
    import json, os, pathlib, socket

    host = os.environ["SM_CURRENT_HOST"]
    said = {
        "hosts": json.loads(os.environ["SM_HOSTS"]),
        "train": sorted(os.listdir(os.environ["SM_CHANNEL_TRAIN"])),
        "all": sorted(os.listdir(os.environ["SM_CHANNEL_ALL"])),
    }
    pathlib.Path(os.environ["SM_MODEL_DIR"], host).write_text(json.dumps(said))
    print("here is", host)
"""


def test_two_hosts_have_a_process_and_a_shard_each(account, run, name):
    """Each host has its name, its shard and its log; their models are merged."""
    for number in range(3):
        account.put(f"shards/{name}/part-{number}.csv", "1,2\n")
    train = account.channel("train", f"shards/{name}")
    train["DataSource"]["S3DataSource"]["S3DataDistributionType"] = "ShardedByS3Key"
    whole = account.channel("all", f"shards/{name}")
    resources = {"InstanceType": "ml.m5.large", "VolumeSizeInGB": 5, "InstanceCount": 2}
    run(TWO_HOSTS, InputDataConfig=[train, whole], ResourceConfig=resources)
    assert account.finished(name)["TrainingJobStatus"] == "Completed"
    model = {h: json.loads(t) for h, t in unpacked(account, name).items()}
    parts = [f"part-{number}.csv" for number in range(3)]
    assert {each["train"][0] for each in model.values()} == {parts[0], parts[1]}
    assert model["algo-1"]["train"] == [parts[0], parts[2]]
    assert model["algo-2"]["all"] == parts
    assert model["algo-2"]["hosts"] == ["algo-1", "algo-2"]
    streams = account.logs.describe_log_streams(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{name}/"
    )["logStreams"]
    for host, stream in zip(("algo-1", "algo-2"), streams, strict=True):
        lines = account.log_lines(
            "/aws/sagemaker/TrainingJobs", stream["logStreamName"]
        )
        assert f"here is {host}" in lines


def test_one_host_that_fails_ends_the_other(account, name):
    """The job fails with the failure of the host that failed first."""
    command = (
        'case $HOSTNAME in algo-2) echo broken >"$SAGEMAKER_BASE_DIR/output/failure"; '
        "exit 9;; *) sleep 60;; esac"
    )
    resources = {"InstanceType": "ml.m5.large", "VolumeSizeInGB": 5, "InstanceCount": 2}
    algorithm = entry("/bin/sh", "-c", command)
    account.train(name, AlgorithmSpecification=algorithm, ResourceConfig=resources)
    reason = account.finished(name)["FailureReason"]
    assert reason == "AlgorithmError: broken\n, exit code: 9"


def test_image_that_was_not_pulled_names_the_command(account, run, name):
    """A job of an image that is not here fails with the command that makes it."""
    run("", image=NOT_PULLED)
    assert account.finished(name)["FailureReason"] == (
        "ClientError: the environment of image xgboost:3.0-5 is not on this machine; "
        "make it with: embedded-aws pull xgboost:3.0-5 --requirements FILE"
    )


def test_custom_image_runs_a_command_of_this_machine_only(account, name):
    """An image of one's own runs if its command is here, else it is named."""
    algorithm = {"TrainingImage": CUSTOM, "TrainingInputMode": "File"}
    text = invalid(account.train, name, AlgorithmSpecification=algorithm)
    assert f"cannot run image {CUSTOM}" in text
    assert f"embedded-aws pull {CUSTOM} --requirements FILE" in text
    words = {"ContainerEntrypoint": ["/bin/sh", "-c", "echo as given"]}
    account.train(name, AlgorithmSpecification=algorithm | words)
    assert account.finished(name)["TrainingJobStatus"] == "Completed"
    log = account.training_log(name)
    assert "the commands of this machine" in log[0]
    assert "as given" in log


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"CheckpointConfig": {"S3Uri": "s3://b", "LocalPath": "/tmp/x"}}, "/tmp/x"),
        (
            {
                "AlgorithmSpecification": {
                    "TrainingImage": SKLEARN,
                    "TrainingInputMode": "File",
                    "ContainerArguments": ["x"],
                }
            },
            "ContainerArguments",
        ),
        (
            {"AlgorithmSpecification": entry("sh") | {"TrainingInputMode": "Pipe"}},
            "Pipe",
        ),
        (
            {
                "AlgorithmSpecification": entry("sh")
                | {"MetricDefinitions": [{"Name": "loss", "Regex": "("}]}
            },
            "loss",
        ),
    ],
)
def test_what_a_script_cannot_have_is_refused_by_name(account, run, changes, named):
    """What the embedded AWS does not do for scripts is refused, not ignored."""
    code, message = refusal(run, "", **changes)
    assert code == "ValidationException"
    assert named in message


def test_paths_are_rewritten_where_nothing_can_be_mounted(tmp_path, monkeypatch):
    """Without mount namespaces words, variables and drivers name the job's folder."""
    monkeypatch.setattr(containers, "can_mount", lambda: False)
    monkeypatch.setattr(script_mode, "can_mount", lambda: False)
    host = Host(name="algo-1", folder=tmp_path)
    driver = host.ml / "input" / "data" / "sm_drivers" / "sm_train.sh"
    driver.parent.mkdir(parents=True)
    driver.write_text("cat /opt/ml/input/config/resourceconfig.json")
    script_mode.prepare_code({}, host)
    assert driver.read_text() == f"cat {host.ml}/input/config/resourceconfig.json"
    words = ["/bin/bash", "-c", "/opt/ml/input/data/sm_drivers/sm_train.sh"]
    algorithm = {"AlgorithmSpecification": {"ContainerEntrypoint": words}}
    command = script_mode.script_command({}, algorithm, None, host)
    assert command.words == [*words[:2], str(driver)]
    assert command.environment["SAGEMAKER_BASE_DIR"] == str(host.ml)
    note = script_mode.environment_note(None, host)
    assert f"/opt/ml is {host.ml}" in note
