"""Which commit's deployment an endpoint carries, and which one must not undo it."""

from runner.cli.plan import Plan
from runner.deployment import read_tags
from runner.endpoint import live
from runner.errors import EndpointError
from runner.fingerprint import deployment
from runner.history import is_ancestor, resolve
from runner.session import client


def refuse_older(plan: Plan) -> None:
    """Refuse to replace what a later commit deployed, as an old job's rerun would."""
    now, head = live(plan.model), resolve(plan.root, "HEAD")
    trained_now = plan.has("train-register")
    if now is None or head is None or trained_now:
        return
    latest = read_tags(now.arn).get("deployed_commit", "")
    same = now.fingerprint == plan.context["fingerprint"] or latest in ("", head)
    if not same and is_ancestor(plan.root, head, latest):
        raise EndpointError(
            f"{plan.model}: version {now.version} is live, deployed from commit "
            f"{latest[:7]}, which came after this one ({head[:7]}), so it stays; to go "
            f"back to an earlier version, `python -m runner rollback {plan.model}`"
        )


def mark_deployed(plan: Plan) -> None:
    """Say on the endpoint that this checkout's deployment ran to its end."""
    now, head = live(plan.model), resolve(plan.root, "HEAD")
    # Parameters of the call's own make it another deployment than the checkout's.
    if now is None or head is None or plan.given:
        return
    tags = {
        "deployment": deployment(plan.root, plan.model),
        "deployed_commit": head,
    }
    client("sagemaker").add_tags(
        ResourceArn=now.arn,
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
