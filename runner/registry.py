"""The model registry: a model's packages are registered, approved and found here."""

from itertools import islice

from runner.errors import NotApprovedError, RegistryError
from runner.package import Package as Package
from runner.package import describe, packages, summaries, table
from runner.registration import register as register
from runner.session import client

# How many packages an error shows.
RECENT = 10


def find_package(model: str, version: int | None = None) -> Package:
    """Find one version of a model, by default the newest."""
    newest: list[str] = []
    for summary in summaries(model):
        number = summary.get("ModelPackageVersion")
        if version in (None, number):
            return describe(summary["ModelPackageArn"])
        newest.append(str(number))
    if version is None:
        raise RegistryError(f"{model}: nothing is registered; train it first")
    known = ", ".join(newest[:RECENT]) or "none yet"
    raise RegistryError(f"{model}: no version {version}; newest: {known}")


def find_newest(model: str, fingerprint: str) -> Package:
    """Find the newest package of this very content, approved or not."""
    for package in packages(model):
        if package.fingerprint == fingerprint:
            return package
    raise RegistryError(_not_found(model, fingerprint))


def find_approved(model: str, fingerprint: str) -> Package:
    """Find the newest approved package of this very content."""
    for package in packages(model, status="Approved"):
        if package.fingerprint == fingerprint:
            return package
    raise NotApprovedError(_not_found(model, fingerprint))


def approve(
    model: str, *, version: int | None = None, arn: str = "", description: str = ""
) -> Package:
    """Approve one package, by default the newest, and record who did."""
    package = describe(arn) if arn else find_package(model, version)
    if package.model != model:
        raise RegistryError(f"{arn}: a package of {package.model}, not of {model}")
    if package.approval_status == "Approved":
        return package
    if package.approval_status == "Rejected":
        raise RegistryError(
            f"{model}: version {package.version} was rejected; train a new one"
        )
    caller = client("sts").get_caller_identity()["Arn"]
    client("sagemaker").update_model_package(
        ModelPackageArn=package.arn,
        ModelApprovalStatus="Approved",
        ApprovalDescription=f"{description or 'Approved'} by {caller}"[:1024],
    )
    return describe(package.arn)


def _not_found(model: str, fingerprint: str) -> str:
    """Say what there is instead, and the one thing to do about it."""
    recent = list(islice(packages(model), RECENT))
    same = [package for package in recent if package.fingerprint == fingerprint]
    pending = [one for one in same if one.approval_status == "PendingManualApproval"]
    train = (
        "push it on a branch, trigger a pipeline with `action: retrain`, or "
        f"`python -m runner run {model}`"
    )
    if pending:
        number = pending[0].version
        head = "this content is not approved yet"
        remedy = (
            f"approve version {number} in CircleCI, or with "
            f"`python -m runner approve {model} --version {number}`"
        )
    elif same:
        head = f"version {same[0].version} of this content was rejected"
        remedy = f"change what was wrong with it and train again: {train}"
    else:
        head = "no package has this content"
        remedy = f"train it: {train}"
    known = table(recent) if recent else "  nothing has been registered yet"
    return f"{model}: {head} ({fingerprint[:12]}); {remedy}\n{known}"
