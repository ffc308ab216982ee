"""What moto answers from its own records is kept, too, but for secrets."""

import json
import resource

import pytest
from embedded_account import connect, refusal
from embedded_aws import share, stop
from embedded_aws.account import DEFAULT_BUCKET
from embedded_aws.iam.models import TRUST

pytestmark = pytest.mark.usefixtures("warm")
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
    }
)
ALARM = {
    "AlarmName": "alarm",
    "MetricName": "Invocation5XXErrors",
    "Namespace": "AWS/SageMaker",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Statistic": "Average",
    "Threshold": 1,
    "ComparisonOperator": "GreaterThanThreshold",
}
PROVIDER = {"Url": "https://oidc.circleci.com/org/1", "ThumbprintList": ["0" * 40]}


@pytest.fixture
def folder(tmp_path):
    """Give the folder of a state, whose server is ended."""
    yield tmp_path / "state"
    stop(tmp_path / "state")


def described(aws):
    """Describe what each of the services has."""
    iam, sagemaker = connect(aws, "iam"), connect(aws, "sagemaker")
    found = [
        iam.list_roles()["Roles"],
        iam.list_attached_role_policies(RoleName="role")["AttachedPolicies"],
        iam.list_open_id_connect_providers()["OpenIDConnectProviderList"],
        connect(aws, "cloudwatch").describe_alarms()["MetricAlarms"],
        connect(aws, "ecr").describe_repositories()["repositories"],
        sagemaker.list_experiments()["ExperimentSummaries"],
    ]
    assert all(found)
    return found


def test_records_are_kept_without_secrets(folder):
    """Roles, providers, alarms, repositories, experiments; no access key of a user."""
    with share(folder) as aws:
        iam = connect(aws, "iam")
        role = iam.create_role(
            RoleName="role", AssumeRolePolicyDocument=json.dumps(TRUST)
        )
        made = iam.create_policy(PolicyName="policy", PolicyDocument=POLICY)
        arn = made["Policy"]["Arn"]
        for each in (arn, "arn:aws:iam::aws:policy/ReadOnlyAccess"):
            iam.attach_role_policy(RoleName="role", PolicyArn=each)
        iam.create_user(UserName="user")
        secret = iam.create_access_key(UserName="user")["AccessKey"]["SecretAccessKey"]
        iam.create_open_id_connect_provider(**PROVIDER)
        connect(aws, "cloudwatch").put_metric_alarm(**ALARM)
        connect(aws, "ecr").create_repository(repositoryName="repository")
        connect(aws, "sagemaker").create_experiment(ExperimentName="experiment")
        before = described(aws)
    stop(folder)
    with share(folder) as aws:
        assert described(aws) == before
        iam = connect(aws, "iam")
        denied = POLICY.replace("Allow", "Deny")
        iam.create_policy_version(
            PolicyArn=arn, PolicyDocument=denied, SetAsDefault=True
        )
        simulated = iam.simulate_principal_policy(
            PolicySourceArn=role["Role"]["Arn"], ActionNames=["s3:GetObject"]
        )
        assert simulated["EvaluationResults"][0]["EvalDecision"] == "explicitDeny"
    for path in folder.rglob("*"):
        assert path.is_dir() or secret.encode() not in path.read_bytes()


def test_a_full_disk_is_named(folder):
    """The call is refused with the reason, and what is there stays."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024**2, hard))
    try:
        with share(folder) as aws:
            s3 = connect(aws, "s3")
            where = {"Bucket": DEFAULT_BUCKET, "Key": "key"}
            s3.put_object(**where, Body=b"small")
            code, message = refusal(s3.put_object, **where, Body=b"x" * 2 * 1024**2)
            assert s3.get_object(**where)["Body"].read() == b"small"
            assert len(list((folder / "objects").iterdir())) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert code == "InsufficientStorage"
    assert message.startswith("The state cannot be written: file too large; free some")


def test_experiments_and_trials_are_unique_and_exist(client, name):
    """Nothing is replaced, made of what is not there, or deleted while it is used."""
    sagemaker = client("sagemaker")
    experiment, trial = {"ExperimentName": name}, {"TrialName": name}
    component = {"TrialComponentName": name}
    sagemaker.create_experiment(**experiment)
    sagemaker.create_trial(**trial, **experiment)
    sagemaker.create_trial_component(**component)
    both = trial | component
    sagemaker.associate_trial_component(**both)
    for call, given, code in (
        (sagemaker.create_experiment, experiment, "ValidationException"),
        (sagemaker.create_trial, trial | experiment, "ValidationException"),
        (sagemaker.create_trial_component, component, "ValidationException"),
        (
            sagemaker.create_trial,
            {"TrialName": f"{name}-2", "ExperimentName": "none"},
            "ResourceNotFound",
        ),
        (
            sagemaker.associate_trial_component,
            both | {"TrialComponentName": "none"},
            "ResourceNotFound",
        ),
        (sagemaker.delete_experiment, experiment, "ValidationException"),
        (sagemaker.delete_trial, trial, "ValidationException"),
        (sagemaker.delete_trial_component, component, "ValidationException"),
    ):
        assert refusal(call, **given)[0] == code
    sagemaker.disassociate_trial_component(**both)
    sagemaker.delete_trial_component(**component)
    sagemaker.delete_trial(**trial)
    sagemaker.delete_experiment(**experiment)
