"""The execution role, and the check that SageMaker's SDK makes."""

from embedded_aws.account import ROLE_ARN, ROLE_NAME


def test_execution_role_trusts_sagemaker(client):
    """The execution role exists, and SageMaker may assume it."""
    role = client("iam").get_role(RoleName=ROLE_NAME)["Role"]
    assert role["Arn"] == ROLE_ARN
    statement = role["AssumeRolePolicyDocument"]["Statement"][0]
    assert statement["Principal"] == {"Service": "sagemaker.amazonaws.com"}


def test_every_action_is_allowed(client):
    """SimulatePrincipalPolicy allows each action."""
    answer = client("iam").simulate_principal_policy(
        PolicySourceArn=ROLE_ARN, ActionNames=["s3:GetObject", "logs:PutLogEvents"]
    )
    verdicts = {
        each["EvalActionName"]: each["EvalDecision"]
        for each in answer["EvaluationResults"]
    }
    assert verdicts == {"s3:GetObject": "allowed", "logs:PutLogEvents": "allowed"}
