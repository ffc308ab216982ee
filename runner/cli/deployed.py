"""Which commit's deployment an endpoint carries, and what must not undo it."""

from runner.cli.plan import Plan
from runner.commit import short
from runner.deployment import read_tags
from runner.endpoint import Live, live
from runner.errors import EndpointError
from runner.fingerprint import deployment
from runner.history import is_ancestor, resolve
from runner.registry import find_approved
from runner.session import client


def refuse_undoing(plan: Plan) -> None:
    """Refuse a deployment that only the rerun of an old job can mean."""
    now = live(plan.model)
    content = plan.context["fingerprint"]
    if now is None or now.fingerprint == content or plan.has("train-register"):
        return
    tags = read_tags(now.arn)
    _refuse_older(plan, now, tags.get("deployed_commit", ""))
    if tags.get("rolled_back_from") == content:
        _refuse_rolled_back(plan, now)


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


def _refuse_older(plan: Plan, now: Live, latest: str) -> None:
    """Let a later commit's deployment stay."""
    head = resolve(plan.root, "HEAD")
    if head and latest and head != latest and is_ancestor(plan.root, head, latest):
        raise EndpointError(
            f"{plan.model}: version {now.version} is live, deployed from commit "
            f"{short(latest)}, which came after this one ({short(head)}), so it stays; "
            "to go back to an earlier version, "
            f"`python -m runner rollback {plan.model}`"
        )


def _refuse_rolled_back(plan: Plan, now: Live) -> None:
    """Let a rollback stay, unless this content was trained again since."""
    package = find_approved(plan.model, plan.context["fingerprint"])
    if package.created <= now.since:
        raise EndpointError(
            f"{plan.model}: version {now.version} is live since a rollback from this "
            f"content, so it stays; train it again, or go forward with `python -m "
            f"runner rollback {plan.model} --to {package.version}`"
        )
