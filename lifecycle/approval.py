"""The decision about a version: what an approval binds, and what a deploy checks.

`approve` writes, in the one call that sets a package to Approved, the digest of the
package and that of the evidence that was read. A deploy computes both again, and the
sha256 of the archive and the golden records, and refuses what differs. `reject` writes
who rejects a package and why. docs/approval.md says who can write what.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lifecycle import registry
from lifecycle.aws import Progress, client
from lifecycle.endpoint import read_state
from lifecycle.errors import (
    CallError,
    IntegrityError,
    NotApprovedError,
    RegistryError,
    printable,
)
from lifecycle.invocation import Golden, parse_golden
from lifecycle.registration.integrity import evidence_digest, hash_evidence
from lifecycle.registration.packages import (
    RECENT,
    Mode,
    Package,
    PackageSummary,
    describe,
    described,
    find_package,
    list_summaries,
    package_table,
    registration_problem,
)
from lifecycle.s3 import (
    ARCHIVE_REMEDY,
    RESTORE,
    StoredObject,
    check_sha256,
    hash_object,
    read_object,
)
from lifecycle.serving.hosting import version_in

# Characters left for text in ApprovalDescription (limit 1,024) after the digests.
MAX_CHARACTERS = 850
# Of the reason of a rejection.
MAX_REASON = 500


@dataclass(frozen=True, kw_only=True)
class CheckedPackage:
    """A package that may be deployed, and the versions of its objects that were read.

    Attributes:
        objects: by URI, the archive and the golden records.
        golden: these records, as they were checked; None if there are none.
    """

    package: Package
    objects: Mapping[str, StoredObject]
    golden: Golden | None

    def check_again(self) -> None:
        """Check that nothing was changed since, not even changed and changed back.

        SageMaker reads the archive some time after it was checked.

        Raises:
            IntegrityError: something was.
        """
        now = describe(self.package.arn)
        named = f"{now.model}: version {now.version}"
        if (now.digest, now.modified) != (self.package.digest, self.package.modified):
            raise IntegrityError(
                f"{named}: its package was changed while it was deployed, at "
                f"{now.modified:%Y-%m-%d %H:%M:%S %Z}; CloudTrail names the caller of "
                "UpdateModelPackage"
            )
        for uri, known in self.objects.items():
            found = hash_object(uri, remedy=RESTORE)
            if found != known:
                raise IntegrityError(
                    f"{named}: {uri} was written again while it was deployed: sha256 "
                    f"{found.sha256[:12]}, before {known.sha256[:12]}; {RESTORE}"
                )


def approve(
    model: str,
    *,
    version: int | None = None,
    arn: str = "",
    description: str = "",
    evidence: Mapping[str, str] | None = None,
) -> Package:
    """Approve a package, by default the newest, as it and its objects are now.

    Args:
        description: who approves, and where; the caller's ARN is added.
        evidence: by name the sha256 of what the approver read; as it is in S3 if not
            given.

    Raises:
        RegistryError: it is another model's, or it was rejected.
        IntegrityError: it is not as it was registered, or the evidence is not as read.
        StorageError: its archive or its golden records are missing, or are not golden
            records.
    """
    package = _find(model, version, arn)
    if package.approval_status == "Rejected":
        words = f" ({package.approver})" if package.approver else ""
        raise RegistryError(
            f"{model}: version {package.version} was rejected{words}; train a new one"
        )
    if problem := registration_problem(package):
        raise IntegrityError(f"{model}: version {package.version} {problem}")
    # Empty golden records are refused now, not only at deploy time.
    _check_objects(package)
    found = hash_evidence(package.metadata["evidence"])
    _compare_evidence(package, found, evidence)
    approved = (package.digest, evidence_digest(found))
    if package.approval_status == "Approved" and package.approved == approved:
        return package
    words = _who_and_when("Approved", description)[:MAX_CHARACTERS]
    client("sagemaker").update_model_package(
        ModelPackageArn=package.arn,
        ModelApprovalStatus="Approved",
        ApprovalDescription="{}; digest {}; evidence {}".format(words, *approved),
    )
    return describe(package.arn)


def reject(
    model: str,
    *,
    reason: str,
    version: int | None = None,
    arn: str = "",
    description: str = "",
) -> Package:
    """Reject a package, by default the newest, and record who rejects it, and why.

    No deploy or rollback takes a rejected package. One that is rejected already keeps
    the reason that it has.

    Args:
        description: who rejects, and where; the caller's ARN is added.

    Raises:
        CallError: the reason is empty or too long.
        RegistryError: it is another model's, or it is live or about to be.
    """
    why = check_reason(reason)
    package = _find(model, version, arn)
    if package.approval_status == "Rejected":
        return package
    if problem := _live_problem(package):
        raise RegistryError(f"{model}: version {package.version} {problem}")
    room = MAX_CHARACTERS - len(why)
    who = _who_and_when("Rejected", description)[:room]
    return registry.reject(package, f"{who}: {why}")


def check_reason(reason: str) -> str:
    """Return the reason of a rejection on one line.

    Raises:
        CallError: it is empty or too long.
    """
    why = " ".join(printable(reason).split())
    if not why:
        raise CallError(
            "--reason: empty; say what is wrong with this version, for whoever trains "
            "the next one"
        )
    if len(why) > MAX_REASON:
        raise CallError(
            f"--reason: {len(why)} characters, SageMaker keeps {MAX_REASON}; say it "
            "shorter, or link to where it is said"
        )
    return why


def find_newest(model: str, fingerprint: str) -> Package:
    """Find the newest package of this content, whatever its approval status.

    Raises:
        RegistryError: there is none; the message says what to do.
    """
    known: list[PackageSummary] = []
    for summary in list_summaries(model):
        known.append(summary)
        if summary.fingerprint == fingerprint:
            package = describe(summary.arn)
            if package.fingerprint == fingerprint:
                return package
    raise RegistryError(_not_found_message(model, fingerprint, known))


def find_approved(
    model: str,
    fingerprint: str,
    approval: Mode = "manual",
    *,
    on_progress: Progress = print,
) -> Package:
    """Find the newest package of this content that may be deployed.

    Those that are Approved without a valid approval are passed over and named.

    Args:
        approval: of the model.yaml that is checked out.

    Raises:
        NotApprovedError: there is none; the message says where to approve it.
    """
    refused: list[str] = []
    known: list[PackageSummary] = []
    for summary in list_summaries(model):
        known.append(summary)
        is_approved = summary.approval_status == "Approved"
        if summary.fingerprint != fingerprint or not is_approved:
            continue
        for package in described([summary]):
            problem = approval_problem(package, approval)
            # A description is what its writer says, and no digest is over it.
            if not problem and package.fingerprint == fingerprint:
                for one in refused:
                    on_progress(f"passed over: {one}")
                return package
            if problem:
                refused.append(f"{model}: version {package.version} {problem}")
    raise NotApprovedError(
        "\n  ".join(refused) or _not_found_message(model, fingerprint, known)
    )


def approval_problem(package: Package, approval: Mode | None) -> str:
    """Say why an Approved package may not be deployed, and what to do; "" if it may.

    The objects in S3 are not looked at.

    Args:
        approval: of model.yaml; None if a deploy has accepted the package before.
    """
    if problem := registration_problem(package):
        return problem
    digest, _ = package.approved
    again = f"`python -m runner approve {package.model} --version {package.version}`"
    if digest:
        if digest == package.digest:
            return ""
        return (
            f"was approved with digest {digest[:12]}, and has {package.digest[:12]}: "
            f"the approval is another version's; look at it, then {again}"
        )
    mode = package.metadata["approval"]
    if mode == "pre-approved":
        if approval in (mode, None):
            return ""
        return (
            "was registered as pre-approved and nobody has approved it, but model.yaml "
            f"says `approval: {approval}`; look at it, then {again}"
        )
    return (
        "was set to Approved by hand, which does not say what was approved; look at "
        f"it, then {again}"
    )


def rejected_by(package: Package) -> str:
    """Say who or what rejected a package, when, and why; "" if nobody did."""
    if package.approval_status != "Rejected":
        return ""
    return package.approver or "Rejected by hand: no reason is given"


def approved_by(package: Package) -> str:
    """Say who or what approved a package, when, and with which digest; "" if nobody."""
    if package.approval_status != "Approved":
        return ""
    digest, _ = package.approved
    if digest:
        return f"{package.approver}, digest {digest[:12]}"
    if package.metadata.get("approval") == "pre-approved":
        return "Registered as pre-approved"
    return f"Set to Approved by hand: {package.approver or 'no reason is given'}"


def check_approval(package: Package, approval: Mode | None) -> CheckedPackage:
    """Check that a package and its objects are what was registered and approved.

    Args:
        approval: of model.yaml; None if a deploy has accepted the package before.

    Raises:
        NotApprovedError: it is not approved, or its approval is not valid.
        IntegrityError: one of its objects is not the one that was registered.
        StorageError: one of its objects is missing.
    """
    return check_described(describe(package.arn), approval)


def check_described(now: Package, approval: Mode | None) -> CheckedPackage:
    """Check a package as `check_approval` does, if it was described just now."""
    named = f"{now.model}: version {now.version}"
    if now.approval_status != "Approved":
        remedy = f"`python -m runner approve {now.model} --version {now.version}`"
        if why := rejected_by(now):
            remedy = f"train a new one ({why})"
        raise NotApprovedError(
            f"{named} is {now.approval_status}, so it is not served; {remedy}"
        )
    if problem := approval_problem(now, approval):
        raise NotApprovedError(f"{named} {problem}")
    checked = _check_objects(now)
    _, approved = now.approved
    if approved:
        prefix = now.metadata["evidence"]
        check_sha256(
            f"{named}: the evidence in {prefix}/",
            evidence_digest(hash_evidence(prefix)),
            approved,
            known="approved was",
            remedy=f"{RESTORE}, or look at it and approve it again",
        )
    return checked


def _check_objects(package: Package) -> CheckedPackage:
    """Check that archive and golden records are those that were registered.

    Raises:
        IntegrityError: one of them was replaced.
        StorageError: one is missing, or they are no golden records.
    """
    objects = {}
    records = package.metadata.get("golden", "")
    content = b""
    for what, uri, known in _objects(package):
        if uri == records:
            content, found = read_object(uri, remedy=ARCHIVE_REMEDY)
        else:
            found = hash_object(uri, remedy=ARCHIVE_REMEDY)
        named = f"{package.model}: version {package.version}: {what} {uri}"
        check_sha256(named, found.sha256, known)
        objects[uri] = found
    golden = parse_golden(records, content) if records else None
    return CheckedPackage(package=package, objects=objects, golden=golden)


def _find(model: str, version: int | None, arn: str) -> Package:
    """Find a model's package by its ARN, by its version, or the newest."""
    package = describe(arn) if arn else find_package(model, version)
    if package.model != model:
        raise RegistryError(f"{arn}: a package of {package.model}, not of {model}")
    return package


def _who_and_when(decision: str, description: str) -> str:
    caller = client("sts").get_caller_identity()["Arn"]
    who = f"{description}, as {caller}" if description else f"{decision} by {caller}"
    return " ".join(f"{who}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC".split())


def _live_problem(package: Package) -> str:
    """Say why a package cannot be rejected now, and what to do; "" if it can."""
    now = read_state(package.model)
    if now is None:
        return ""
    model, version = package.model, package.version
    back = f"`python -m runner rollback {model}`"
    if now.package == package.arn:
        return (
            "is live, and would stay live; go back to an earlier version first, with "
            f"{back}, then reject it"
        )
    if version in (version_in(now.pending_config), version_in(now.rollback_target)):
        return (
            f"is being deployed; wait until `python -m runner status {model}` says "
            f"whether it is live, and go back with {back} if it is"
        )
    return ""


def _objects(package: Package) -> Iterator[tuple[str, str, str]]:
    """Yield what each object of a package is, its URI and its registered sha256."""
    known = package.metadata
    yield "the archive", package.model_data, known.get("archive_sha256", "")
    # Notebooks of one's own may register without golden records.
    if golden := known.get("golden"):
        yield "the golden records", golden, known.get("golden_sha256", "")


def _compare_evidence(
    package: Package, found: Mapping[str, str], read: Mapping[str, str] | None
) -> None:
    """Refuse evidence in S3 that is not what the approver has read."""
    if read is None:
        return
    named = f"{package.model}: version {package.version}"
    for name in sorted({*found, *read}):
        check_sha256(
            f"{named}: {package.metadata['evidence']}/{name}",
            found.get(name, "missing"),
            read.get(name, "not there"),
            known="the reviewer's has",
            remedy="run this workflow's train job again",
        )


def _not_found_message(
    model: str, fingerprint: str, known: Sequence[PackageSummary]
) -> str:
    """Say which packages there are instead, and the one thing to do next."""
    recent = list(described(known[:RECENT]))
    for package in recent:
        problem = registration_problem(package)
        # Somebody has changed its metadata, or another tool has registered it.
        if package.fingerprint == fingerprint and problem:
            return f"{model}: version {package.version} {problem}"
    same = [one for one in known if one.fingerprint == fingerprint]
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
        for package in described(same[:1]):
            head += f" ({package.approver})" if package.approver else ""
        remedy = f"change what was wrong with it and train again: {train}"
    else:
        head = "no package has this content"
        remedy = f"train it: {train}"
    table = package_table(recent) if recent else "  nothing has been registered yet"
    return f"{model}: {head} ({fingerprint[:12]}); {remedy}\n{table}"
