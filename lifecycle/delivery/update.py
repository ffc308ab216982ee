"""The steps of every change of an endpoint, which deploys and rollbacks share.

`bring_into_service` takes them from top to bottom: what is live is read, and what
others have set on it; SageMaker is asked for the update; the endpoint has to predict
what was recorded at training. If a step fails, it serves again what it served before.
"""

import time
from dataclasses import replace

from lifecycle.aws import (
    Progress,
    aws_errors,
    error_message,
    polls,
    tail_log,
)
from lifecycle.delivery.change import Change, Update, ensure_resources, plan_change
from lifecycle.delivery.failures import failure_reason, likely_cause
from lifecycle.endpoint import (
    DAMAGED,
    EndpointState,
    delete_endpoint,
    read_state,
    request_update,
    wait_until_settled,
)
from lifecycle.errors import (
    AwsError,
    EndpointError,
    IntegrityError,
    LifecycleError,
    StorageError,
)
from lifecycle.evaluation import load_booster, predict
from lifecycle.invocation import (
    Golden,
    check_golden,
    compare_with_golden,
    read_golden,
)
from lifecycle.registration.packages import Package, describe
from lifecycle.serving.endpoint_config import clean_up, delete_config, record_failure
from lifecycle.serving.hosting import is_own

# Errors that mean: the live version is not what was approved.
REFUSALS = (AwsError, EndpointError, IntegrityError, StorageError)
# To restore what was live, beyond the deploy's own time limit.
RESTORE_SECONDS = 900
# To delete an endpoint whose creation failed, beyond the deploy's own time limit.
CLEAN_UP_SECONDS = 120
LOG_LINES = 10


def bring_into_service(update: Update, planned: Change | None = None) -> EndpointState:
    """Update the endpoint to a config, verify it, or restore what was live before.

    Args:
        planned: a change that was decided before; it is decided anew if the endpoint
            was changed since.
    """
    package, name, say = update.package, update.package.model, update.on_progress
    # Each `continue` is a retry: another deploy was changing the endpoint.
    for _ in polls(update.deadline - time.monotonic()):
        before = wait_until_settled(name, update.deadline, say)
        if before and before.status == "Failed":
            # A creation that failed blocks the next one.
            say(f"endpoint {name}: Failed, deleting it")
            delete_endpoint(name, update.deadline)
            before = None
        if planned and planned.is_for(before):
            change, planned = planned, None
        else:
            change = plan_change(update, before)
        if before and before.serves(change.config):
            return _confirm_live(update, change, before)
        if before and not update.is_rollback:
            before.record_attempt(package.version)
        if update.golden:
            _check_archive(package, update.golden)
        # Not earlier: another deploy's clean-up could delete it meanwhile.
        ensure_resources(update, change)
        if not _request_update(update, change, exists=before is not None):
            continue
        for note in change.notes:
            say(note)
        after = wait_until_settled(name, update.deadline, say)
        if not after or not after.serves(change.config):
            record_failure(change.config, failure_reason(before, after))
            problem = _explain_failure(update, change, before, after)
            if after and after.status == "Failed":
                problem += _delete_failed(name)
            raise EndpointError(problem)
        try:
            _check_endpoint(update, after)
        except REFUSALS as error:
            former = _former(before) if before else ""
            raise EndpointError(_undo(update, change, former, error)) from error
        return _accept(update, before, after)
    raise EndpointError(f"{name}: other deploys keep changing it; try again later")


def _former(before: EndpointState) -> str:
    """Return the config to put back: what is live, unless a deploy was interrupted."""
    interrupted = not before.is_verified and is_own(before.config, before.name)
    return (before.verified_config if interrupted else "") or before.config


def _confirm_live(update: Update, change: Change, now: EndpointState) -> EndpointState:
    """Verify a config that is served already, and record it if no deploy has."""
    version = update.package.version
    if change.missing:
        ensure_resources(update, change)
        update.on_progress(f"{change.missing}: made again")
        now = read_state(now.name) or now
    if now.is_verified:
        _check_endpoint(update, now)
        update.on_progress(f"version {version} is live already")
        # Whoever names the live version does not want the rollback that was begun.
        stays = update.is_rollback and now.rollback_target
        return _accept(update, now, now) if stays else now
    try:
        _check_endpoint(update, now)
    except REFUSALS as error:
        outcome = _undo(update, change, now.verified_config, error)
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


def _request_update(update: Update, change: Change, *, exists: bool) -> bool:
    """Ask SageMaker to create or update the endpoint.

    Returns:
        False if another deploy is changing it; the caller waits and tries again.
    """
    from botocore.exceptions import ClientError

    name = update.package.model
    try:
        request_update(name, change.config, exists=exists, **change.arguments)
    except ClientError as error:
        message = error_message(error)
        # Another deploy's, or our own call whose response was lost.
        if "in-progress" in message or "already existing" in message:
            return False
        raise EndpointError(f"{name}: cannot be deployed; {message}") from error
    return True


def _mend(
    change: Change,
    before: EndpointState | None,
    after: EndpointState | None,
    on_progress: Progress,
) -> str:
    """Put back what was live before an update that broke the endpoint.

    Returns:
        What is live now, in a sentence.
    """
    if before is None or after is None or after.status not in DAMAGED:
        # An endpoint whose creation failed answers nothing.
        live = None if after and after.status == "Failed" else after
        return f"live now: {verification_report(live)}"
    former = _former(before)
    try:
        with aws_errors():
            return _restore(after.name, former, change, on_progress)
    except LifecycleError as error:
        return f"{former} could not be put back: {error}; deploy it again"


def _explain_failure(
    update: Update,
    change: Change,
    before: EndpointState | None,
    after: EndpointState | None,
) -> str:
    """Explain an update that did not end in the new config.

    Returns:
        SageMaker's reason, what is live, the likely cause, and the container's log.
    """
    package = update.package
    reason = failure_reason(before, after)
    log = tail_log(f"/aws/sagemaker/Endpoints/{package.model}", lines=LOG_LINES)
    lines = [
        f"{package.model}: version {package.version} did not go live; {reason}",
        _mend(change, before, after, update.on_progress),
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


def _check_endpoint(update: Update, now: EndpointState) -> None:
    """Check that the endpoint predicts what was recorded at training.

    And that it was made from what was approved, which SageMaker read by itself.
    """
    if update.golden:
        check_golden(now.name, update.golden, variant=now.variant)
    else:
        number = update.package.version
        update.on_progress(f"version {number} has no golden rows to be verified by")
    with aws_errors():
        update.checked.check_again()


def _undo(update: Update, change: Change, former: str, error: LifecycleError) -> str:
    """Serve a former config again; return the error, with the outcome."""
    name = update.package.model
    try:
        with aws_errors():
            now = read_state(name)
            if now is None or not now.serves(change.config):
                # The predictions may be another version's, so nothing is restored.
                return f"{error}; another deploy came, now: {now}"
            record_failure(change.config, str(error))
            outcome = _restore(name, former, change, update.on_progress)
    except LifecycleError as problem:
        undone = (
            f"{former} could not be put back"
            if former
            else "nothing was live before it, but the endpoint could not be deleted"
        )
        outcome = f"{undone}: {problem}; the same command tries it again"
    if isinstance(error, IntegrityError):
        outcome += _delete_refused_config(name, change.config)
    return f"{error}; {outcome}"


def _restore(name: str, config: str, change: Change, on_progress: Progress) -> str:
    """Serve a former config again, and return a sentence about the outcome.

    Without a former config nothing was live before, and the endpoint is deleted.
    """
    deadline = time.monotonic() + RESTORE_SECONDS
    if not config:
        delete_endpoint(name, deadline)
        return "nothing was live before it, so the endpoint was deleted"
    on_progress(f"endpoint {name}: putting {config} back")
    # At once, and with the instances that are there.
    retained = {k: v for k, v in change.arguments.items() if k != "DeploymentConfig"}
    request_update(name, config, exists=True, **retained)
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
    update: Update, before: EndpointState | None, after: EndpointState
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
        rolled_back_by=update.rolled_back_by,
    )
    update.on_progress(f"version {package.version} is live")
    clean_up(package.model, update.on_progress)
    return replace(
        after,
        previous_config=previous or after.previous_config,
        verified_config=after.config,
        verified_at=after.modified,
        rolled_back_from=update.rolled_back_from,
        rolled_back_by=update.rolled_back_by,
        rolled_back_at=after.modified if update.rolled_back_by else None,
        rollback_target="",
        rolled_back_from_before="",
        attempted_version=0,
    )


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
            check_golden(state.name, golden, variant=state.variant)
    except LifecycleError as error:
        return f"{state}, which cannot be verified: {error}"
    return f"{state}, verified"
