"""Deploys and rollbacks: a version is live only after it has been verified.

Both check first that the package and its objects are those that were approved. Then
they change the endpoint in the same steps, which `_bring_into_service` takes from top
to bottom. If a step fails, the endpoint serves again what was verified before.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from lifecycle.approval import CheckedPackage, check_approval, package_table
from lifecycle.aws import (
    Progress,
    aws_errors,
    error_message,
    polls,
    tail_log,
)
from lifecycle.endpoint import (
    EndpointState,
    clean_up,
    config_name,
    delete_config,
    delete_endpoint,
    deployment_config,
    ensure_config,
    read_settings,
    read_state,
    record_failure,
    request_update,
    retained_configs,
    wait_until_settled,
)
from lifecycle.errors import (
    AwsError,
    EndpointError,
    IntegrityError,
    LifecycleError,
    NotApprovedError,
    StorageError,
)
from lifecycle.evaluation import load_booster, predict
from lifecycle.failures import failure_reason, likely_cause
from lifecycle.invocation import (
    Golden,
    check_golden,
    compare_with_golden,
    read_golden,
)
from lifecycle.registry import (
    Mode,
    Package,
    describe,
    find_package,
    list_packages,
)

# Errors that mean: the live version is not what was approved.
REFUSALS = (AwsError, EndpointError, IntegrityError, StorageError)
# To restore what was live, beyond the deploy's own time limit.
RESTORE_SECONDS = 900
# To delete an endpoint whose creation failed, beyond the deploy's own time limit.
CLEAN_UP_SECONDS = 120
LOG_LINES = 10
RECENT = 10


@dataclass(frozen=True, kw_only=True)
class _Update:
    """An endpoint update to one package."""

    checked: CheckedPackage
    config: str
    golden: Golden | None
    deadline: float
    on_progress: Progress
    # `endpoint` of model.yaml, to create the config from; None: it exists already.
    settings: Mapping[str, Any] | None = None
    # Further arguments of UpdateEndpoint.
    arguments: Mapping[str, Any]
    is_rollback: bool = False
    rolled_back_from: str = ""

    @property
    def package(self) -> Package:
        """Return the package that is to be served."""
        return self.checked.package


def deploy(
    package: Package,
    *,
    endpoint: Mapping[str, Any],
    approval: Mode = "manual",
    wait_seconds: float = 1800,
    on_progress: Progress = print,
) -> EndpointState:
    """Serve a package and verify it, or leave the endpoint as it was.

    Args:
        endpoint: the section of model.yaml.
        approval: of model.yaml; with `manual` nothing is served that nobody approved.
        wait_seconds: the time limit, to which a canary's wait is added.

    Raises:
        EndpointError: the package is not live; the message says why, and what is.
        NotApprovedError: it is not approved, or its approval is not valid.
        IntegrityError: the package, its archive or its golden records are not those
            that were approved.
    """
    canary = endpoint.get("canary") or {}
    checked = check_approval(package, approval)
    package = checked.package
    update = _Update(
        checked=checked,
        config=config_name(package, endpoint),
        # Read before anything changes: without it nothing could be verified.
        golden=read_golden(package.model, package.metadata),
        deadline=time.monotonic() + wait_seconds + canary.get("wait_seconds", 0),
        on_progress=on_progress,
        settings=endpoint,
        arguments=deployment_config(canary),
    )
    return _bring_into_service(update)


def roll_back(
    model: str,
    *,
    to: int | None = None,
    approval: Mode = "manual",
    wait_seconds: float = 1800,
    on_progress: Progress = print,
) -> EndpointState:
    """Serve the version that was live before, or the given one, and verify it.

    A version whose config is retained is served with that config, another one with the
    settings of the live config. The content that is rolled back from is recorded, so
    that no deploy brings it back by itself.

    Args:
        approval: of model.yaml; it does not matter for a version whose config is
            retained, which a deploy has accepted.

    Raises:
        EndpointError: there is no version to roll back to, or it is not live now.
        NotApprovedError: the version is not approved.
        IntegrityError: it is not what was approved.
    """
    now = read_state(model)
    if now is None:
        raise EndpointError(
            f"{model}: nothing is live, so there is nothing to roll back"
        )
    package, config = _find_version(model, to) if to else _find_previous(now)
    if package.approval_status != "Approved":
        raise NotApprovedError(_not_approved_message(package))
    checked = check_approval(package, None if config else approval)
    package = checked.package
    settings = None
    if not config:
        settings = read_settings(now.config)
        config = config_name(package, settings)
    # Rolling back again keeps the content first rolled back from; rolling forward to
    # that content clears it.
    left = now.rolled_back_from or now.fingerprint
    update = _Update(
        checked=checked,
        config=config,
        golden=read_golden(package.model, package.metadata),
        deadline=time.monotonic() + wait_seconds,
        on_progress=on_progress,
        settings=settings,
        # No canary: a rollback is urgent.
        arguments={},
        is_rollback=True,
        rolled_back_from="" if package.fingerprint == left else left,
    )
    if config != now.config or not now.is_verified:
        now.record_rollback(config, update.rolled_back_from)
    try:
        with aws_errors():
            return _bring_into_service(update)
    except LifecycleError as error:
        # An interruption is none: then the same command goes on.
        if problem := _withdraw_rollback(update, now.version):
            raise type(error)(f"{error}\n  {problem}") from error
        raise


def verification_report(state: EndpointState | None) -> str:
    """Say what is live, and whether it predicts what was recorded at its training."""
    if state is None:
        return "nothing"
    try:
        with aws_errors():
            golden = None
            if state.package:
                package = describe(state.package)
                golden = read_golden(package.model, package.metadata)
            if golden is None:
                return f"{state}, with no golden rows to be verified by"
            check_golden(state.name, golden)
    except LifecycleError as error:
        return f"{state}, which cannot be verified: {error}"
    return f"{state}, verified"


def _find_version(model: str, version: int) -> tuple[Package, str]:
    """Find a version and the retained config that served it last; "" if none is."""
    package = find_package(model, version)
    for one in retained_configs(model):
        if one.verified and one.package == package.arn:
            return package, one.name
    return package, ""


def _find_previous(now: EndpointState) -> tuple[Package, str]:
    """Find the version that was live before, and its retained config.

    It is the target of an interrupted rollback; else what the live config replaced;
    else, if the live config was never verified, the one that was.
    """
    name = now.rollback_target
    if not name:
        name = now.previous_config if now.is_verified else now.verified_config
    for one in retained_configs(now.name):
        if one.name == name:
            return describe(one.package), name
    raise EndpointError(_no_previous_message(now))


def _no_previous_message(now: EndpointState) -> str:
    """Say what else can be done if no former config is retained."""
    model, known = now.name, list(islice(list_packages(now.name), RECENT))
    others = [one for one in known if one.version != now.version]
    if not any(one.approval_status == "Approved" for one in others):
        return (
            f"{model}: version {now.version} is live, and no other version is approved,"
            " so there is no way back; go forward: fix the model, train it and have it "
            f"approved\n{package_table(known)}"
        )
    return (
        f"{model}: version {now.version} is live, and no earlier endpoint config is "
        f"kept; choose a version with --to:\n{package_table(known)}"
    )


def _not_approved_message(package: Package) -> str:
    known = package_table(list(islice(list_packages(package.model), RECENT)))
    return (
        f"{package.model}: version {package.version} is {package.approval_status}, so "
        f"it is not served; name an approved one with --to:\n{known}"
    )


def _bring_into_service(update: _Update) -> EndpointState:
    """Update the endpoint to a config, verify it, or restore what was live before."""
    package, name, say = update.package, update.package.model, update.on_progress
    # Each `continue` is a retry: another deploy was changing the endpoint.
    for _ in polls(update.deadline - time.monotonic()):
        before = wait_until_settled(name, update.deadline, say)
        if before and before.status == "Failed":
            # A creation that failed blocks the next one.
            say(f"endpoint {name}: Failed, deleting it")
            delete_endpoint(name, update.deadline)
            before = None
        if before and before.serves(update.config):
            return _confirm_live(update, before)
        if before and not update.is_rollback:
            before.record_attempt(package.version)
        if update.golden:
            _check_archive(package, update.golden)
        if update.settings is not None:
            # Not earlier: another deploy's clean-up could delete it meanwhile.
            ensure_config(package, update.settings)
        if not _request_update(update, exists=before is not None):
            continue
        after = wait_until_settled(name, update.deadline, say)
        if not after or not after.serves(update.config):
            record_failure(update.config, failure_reason(before, after))
            problem = _explain_failure(update, before, after)
            if after and after.status == "Failed":
                problem += _delete_failed(name)
            raise EndpointError(problem)
        try:
            _check_endpoint(update)
        except REFUSALS as error:
            former = (before.verified_config or before.config) if before else ""
            raise EndpointError(_undo(update, former, error)) from error
        return _accept(update, before, after)
    raise EndpointError(f"{name}: other deploys keep changing it; try again later")


def _confirm_live(update: _Update, now: EndpointState) -> EndpointState:
    """Verify a config that is served already, and record it if no deploy has."""
    version = update.package.version
    if now.is_verified:
        _check_endpoint(update)
        update.on_progress(f"version {version} is live already")
        # Whoever names the live version does not want the rollback that was begun.
        stays = update.is_rollback and now.rollback_target
        return _accept(update, now, now) if stays else now
    try:
        _check_endpoint(update)
    except REFUSALS as error:
        outcome = _undo(update, now.verified_config, error)
        raise EndpointError(outcome) from error
    update.on_progress(f"version {version} is live already, and verified now")
    return _accept(update, now, now)


def _check_archive(package: Package, golden: Golden) -> None:
    """Check, before the endpoint changes, that the archive predicts as at training.

    Code that a model brings is for its image's packages: the endpoint itself tells.
    """
    if package.program:
        return
    booster = load_booster(package.model_data, package.metadata["archive_sha256"])
    predictions = predict(booster, golden.rows)
    compare_with_golden(package.model_data, predictions.tolist(), golden)


def _request_update(update: _Update, *, exists: bool) -> bool:
    """Ask SageMaker to create or update the endpoint.

    Returns:
        False if another deploy is changing it; the caller waits and tries again.
    """
    from botocore.exceptions import ClientError

    name = update.package.model
    try:
        request_update(name, update.config, exists=exists, **update.arguments)
    except ClientError as error:
        message = error_message(error)
        # Another deploy's, or our own call whose response was lost.
        if "in-progress" in message or "already existing" in message:
            return False
        raise EndpointError(f"{name}: cannot be deployed; {message}") from error
    return True


def _explain_failure(
    update: _Update, before: EndpointState | None, after: EndpointState | None
) -> str:
    """Explain an update that did not end in the new config.

    Returns:
        SageMaker's reason, what is live, the likely cause, and the container's log.
    """
    package = update.package
    reason = failure_reason(before, after)
    log = tail_log(f"/aws/sagemaker/Endpoints/{package.model}", lines=LOG_LINES)
    # An endpoint whose creation failed answers nothing.
    live = None if after and after.status == "Failed" else after
    lines = [
        f"{package.model}: version {package.version} did not go live; {reason}",
        f"live now: {verification_report(live)}",
    ]
    if cause := likely_cause("\n".join([reason, *log])):
        lines.append(f"likely cause: {cause}")
    if log:
        lines += ["last log lines of the container:", *(f"  {line}" for line in log)]
    return "\n  ".join(lines)


def _delete_failed(name: str) -> str:
    """Delete an endpoint whose creation failed; return a line if that fails, too."""
    try:
        with aws_errors():
            delete_endpoint(name, time.monotonic() + CLEAN_UP_SECONDS)
    except LifecycleError as error:
        return (
            f"\n  the endpoint that failed could not be deleted: {error}; the next "
            "deploy deletes it"
        )
    return ""


def _check_endpoint(update: _Update) -> None:
    """Check that the endpoint predicts what was recorded at training.

    And that it was made from what was approved, which SageMaker read by itself.
    """
    if update.golden:
        check_golden(update.package.model, update.golden)
    else:
        number = update.package.version
        update.on_progress(f"version {number} has no golden rows to be verified by")
    with aws_errors():
        update.checked.check_again()


def _undo(update: _Update, former: str, error: LifecycleError) -> str:
    """Serve a former config again; return the error, with the outcome."""
    name = update.package.model
    try:
        with aws_errors():
            now = read_state(name)
            if now is None or not now.serves(update.config):
                # The predictions may be another version's, so nothing is restored.
                return f"{error}; another deploy came, now: {now}"
            record_failure(update.config, str(error))
            outcome = _restore(name, former, update.on_progress)
    except LifecycleError as problem:
        undone = (
            f"{former} could not be put back"
            if former
            else "nothing was live before it, but the endpoint could not be deleted"
        )
        outcome = f"{undone}: {problem}; the same command tries it again"
    if isinstance(error, IntegrityError):
        outcome += _delete_refused_config(name, update.config)
    return f"{error}; {outcome}"


def _restore(name: str, config: str, on_progress: Progress) -> str:
    """Serve a former config again, and return a sentence about the outcome.

    Without a former config nothing was live before, and the endpoint is deleted.
    """
    deadline = time.monotonic() + RESTORE_SECONDS
    if not config:
        delete_endpoint(name, deadline)
        return "nothing was live before it, so the endpoint was deleted"
    on_progress(f"endpoint {name}: putting {config} back")
    request_update(name, config, exists=True)
    after = wait_until_settled(name, deadline, on_progress)
    report = verification_report(after)
    if after and after.serves(config):
        return f"put back, live now: {report}"
    return f"{config} could not be put back, live now: {report}"


def _delete_refused_config(name: str, config: str) -> str:
    """Delete a config whose objects were changed, unless it is served still.

    The next deploy would find it again, whatever it was made from.

    Returns:
        What is to be added to the outcome: "" if it was deleted.
    """
    try:
        with aws_errors():
            now = read_state(name)
            if not (now and now.config == config):
                delete_config(config)
    except AwsError as error:
        return f"; delete the model {config} by hand: {error}"
    return ""


def _accept(
    update: _Update, before: EndpointState | None, after: EndpointState
) -> EndpointState:
    """Record what was verified, and delete configs that are not kept any more."""
    package = update.package
    previous = before.verified_config if before and not update.is_rollback else ""
    if previous == after.config:
        previous = ""
    after.record_verified(
        package,
        previous_config=previous,
        rolled_back_from=update.rolled_back_from,
    )
    update.on_progress(f"version {package.version} is live")
    clean_up(package.model, update.on_progress)
    return replace(
        after,
        previous_config=previous or after.previous_config,
        verified_config=after.config,
        verified_at=after.modified,
        rolled_back_from=update.rolled_back_from,
        rollback_target="",
        rolled_back_from_before="",
        attempted_version=0,
    )


def _withdraw_rollback(update: _Update, version: int) -> str:
    """Clear the record of a rollback that failed, so that no command goes on with it.

    An endpoint that still changes, or that was left with the version rolled back to,
    keeps it: the same command waits for it and verifies it.

    Args:
        version: what was live before the rollback.

    Returns:
        A sentence if the record could not be cleared, else "".
    """
    name = update.package.model
    try:
        with aws_errors():
            now = read_state(name)
            ours = now is not None and now.rollback_target == update.config
            undone = now and now.status == "InService" and now.config != update.config
            if now and ours and undone:
                now.withdraw_rollback()
    except LifecycleError as error:
        return (
            f"the rollback is still recorded as begun, {error}; to stay with version "
            f"{version}: `python -m runner rollback {name} --to {version}`"
        )
    return ""
