"""The next step of a model, from its status: why it is not in sync, and what to do.

A command is named only where it leads on: a deploy needs a version that may be
deployed, an approval one that waits for it, and a rollback a version to go to.
"""

from dataclasses import dataclass

from lifecycle.endpoint import CHANGING, DAMAGED
from lifecycle.status import ModelStatus

# The stages that a person runs to have a version of the checkout's content.
TRAIN = "--stage prepare --stage train-register"


@dataclass(frozen=True, kw_only=True)
class Step:
    """What is to be done next; nothing if the endpoint serves what it should.

    Attributes:
        why: the endpoint does not serve the content; "" if it does.
        commands: arguments of `python -m runner`, of which any one goes on.
    """

    why: str = ""
    commands: tuple[str, ...] = ()


def next_step(model: str, fingerprint: str, status: ModelStatus) -> Step:
    """Say why the endpoint does not serve a content, and what to do."""
    live = status.live
    if live.status and live.status != "InService":
        return _not_in_service(model, fingerprint, status)
    if status.rollback_to:
        begun, back = status.rollback_to, f"rollback {model} --to"
        return Step(
            why=f"a rollback to version {begun} was begun and has not ended: python -m "
            f"runner {back} {begun} goes on with it, python -m runner {back} "
            f"{live.version} stays",
            commands=(f"{back} {begun}", f"{back} {live.version}"),
        )
    if live.fingerprint == fingerprint:
        return _same_content(model, fingerprint, status)
    was_trained_since = status.newest.since > live.since
    if status.rolled_back_from == fingerprint and not was_trained_since:
        return _rolled_back(model, fingerprint, status)
    step = _missing_step(model, fingerprint, status)
    if status.newest.version == live.version != 0:
        why = f"live version {live.version} has other content: train it"
        return Step(why=why, commands=step.commands)
    if not live.status:
        return step
    known = f"live version {live.version} has other content"
    foreign = "what is live was not deployed from here"
    return Step(
        why=f"{known if live.version else foreign}; {step.why}", commands=step.commands
    )


def ways_out(model: str, version: int = 0) -> str:
    """Name the ways out of a rollback, which otherwise stays; the same everywhere.

    Args:
        version: the approved one of the content that was rolled back from; 0: none.
    """
    fix = "fix this content and merge"
    forward = f"python -m runner rollback {model} --to {version}"
    return f"{fix}, or go forward again: {forward}" if version else fix


def _can_be_deployed(fingerprint: str, status: ModelStatus) -> bool:
    """Return whether a deploy of the content finds a version that it may serve."""
    newest = status.newest
    is_approved = newest.status == "Approved" and not newest.problem
    its_own = newest.fingerprint == fingerprint and not newest.failed
    return is_approved and its_own and not status.refusal


def _not_in_service(model: str, fingerprint: str, status: ModelStatus) -> Step:
    """Say what the endpoint is doing, or why it failed, and what to do."""
    now, reason = f"the endpoint is {status.live.status}", status.reason
    if status.live.status not in CHANGING:
        now += f": {reason}" if reason else ""
        if status.live.status in DAMAGED and status.verified_version:
            return _damaged(model, fingerprint, status, now)
        step = _missing_step(model, fingerprint, status)
        if _can_be_deployed(fingerprint, status):
            why = f"{now}; deploy again, which replaces it"
            return Step(why=why, commands=step.commands)
        return Step(why=f"{now}; {step.why}", commands=step.commands)
    if status.live.status == "Deleting":
        step = _missing_step(model, fingerprint, status)
        return Step(why=f"{now}; {step.why}", commands=step.commands)
    again = "run the command that began it again: it waits and then verifies"
    commands = [f"status {model}"]
    if status.rollback_to:
        now += f", a rollback to version {status.rollback_to} was begun"
        commands.append(f"rollback {model} --to {status.rollback_to}")
        again = f"python -m runner {commands[-1]}"
    elif status.pending:
        now += f" to version {status.pending}"
    if not status.rollback_to and _can_be_deployed(fingerprint, status):
        commands.append(f"run {model} --stage deploy")
    return Step(
        why=f"{now}: wait, then python -m runner status {model}; if no command is "
        f"waiting for it any more, {again}",
        commands=tuple(commands),
    )


def _damaged(model: str, fingerprint: str, status: ModelStatus, now: str) -> Step:
    """Name the ways out where an update has left the endpoint broken."""
    back = f"rollback {model} --to {status.verified_version}"
    deploys = _can_be_deployed(fingerprint, status)
    forward = [f"run {model} --stage deploy"] if deploys else []
    more = ", or deploy again" if deploys else ""
    return Step(
        why=f"{now}; put back version {status.verified_version}, which was verified, "
        f"with python -m runner {back}{more}",
        commands=(back, *forward),
    )


def _same_content(model: str, fingerprint: str, status: ModelStatus) -> Step:
    """Say what is wrong though the content is live, and what to do."""
    live, newest = status.live, status.newest
    deploys = _can_be_deployed(fingerprint, status)
    deploy = (f"run {model} --stage deploy",) if deploys else ()
    if live.problem:
        return _live_problem_step(model, fingerprint, status)
    if not deploys and (status.deleted or status.drift or not status.verified):
        return _cannot_be_deployed(model, fingerprint, status)
    if status.deleted:
        return Step(
            why=f"the {status.deleted} was deleted, the "
            "endpoint serves on without it: deploy again, which makes it again",
            commands=deploy,
        )
    if not status.verified:
        back = (f"rollback {model}",) if status.way_back else ()
        go_back = f"; or go back: python -m runner {back[0]}" if back else ""
        return Step(
            why="the endpoint has changed since a deploy verified it: deploy again, "
            f"which verifies it or puts back what was verified{go_back}",
            commands=(*deploy, *back),
        )
    if deploys and newest.version != live.version:
        return Step(
            why=f"version {newest.version} of this content is approved, and version "
            f"{live.version} is live: deploy it",
            commands=deploy,
        )
    if status.drift:
        return Step(
            why=f"the endpoint differs from model.yaml, {'; '.join(status.drift)}: "
            "deploy again, which changes it",
            commands=deploy,
        )
    return Step()


def _live_problem_step(model: str, fingerprint: str, status: ModelStatus) -> Step:
    """Name the ways on from a live version that could not be deployed now."""
    live, newest = status.live, status.newest
    found = f"version {live.version} is live, and {live.problem}"
    step = _missing_step(model, fingerprint, status)
    if _can_be_deployed(fingerprint, status):
        why = f"{found}: deploy version {newest.version}, which is approved"
        return Step(why=why, commands=step.commands)
    back = (f"rollback {model}",) if status.way_back else ()
    if newest.version not in (0, live.version):
        return Step(why=f"{found}; {step.why}", commands=(*step.commands, *back))
    go_back = "go back to a version that is approved, or " if back else ""
    return Step(
        why=f"{found}: {go_back}train again",
        commands=(*back, f"run {model} {TRAIN}"),
    )


def _cannot_be_deployed(model: str, fingerprint: str, status: ModelStatus) -> Step:
    """Say what keeps a deploy from mending the endpoint of a content that is live."""
    if status.deleted:
        found = f"the {status.deleted} was deleted"
    elif not status.verified:
        found = "the endpoint has changed since a deploy verified it"
    else:
        found = f"the endpoint differs from model.yaml, {'; '.join(status.drift)}"
    step = _missing_step(model, fingerprint, status)
    is_known = status.way_back and not status.deleted
    back = (f"rollback {model}",) if is_known else ()
    return Step(why=f"{found}; {step.why}", commands=(*step.commands, *back))


def _rolled_back(model: str, fingerprint: str, status: ModelStatus) -> Step:
    deploys = _can_be_deployed(fingerprint, status)
    version = status.newest.version if deploys else 0
    return Step(
        why=f"rolled back to version {status.live.version}: {ways_out(model, version)}",
        commands=(f"rollback {model} --to {version}",) if version else (),
    )


def _missing_step(model: str, fingerprint: str, status: ModelStatus) -> Step:
    """Name the step between training and serving that is missing."""
    newest, train = status.newest, f"run {model} {TRAIN}"
    version = f"version {newest.version}"
    if not newest.version:
        return Step(why="nothing is registered: train it", commands=(train,))
    if newest.fingerprint != fingerprint:
        word = "too" if status.live.version else "other content"
        why = f"the newest, {version}, has {word}: train it"
        return Step(why=why, commands=(train,))
    if newest.failed:
        why = f"{version} fails its gates, {newest.failed}: train a better one"
        return Step(why=why, commands=(train,))
    approve = f"approve {model} --version {newest.version}"
    if newest.status == "PendingManualApproval":
        compared = f" ({newest.compared})" if newest.compared else ""
        look = f"review {model} --version {newest.version}"
        why = f"{version} waits for approval{compared}"
        return Step(why=why, commands=(approve, look))
    if newest.status != "Approved":
        mend = "change what is wrong with it, and " if newest.rejected else ""
        why = f"{version} is {newest.status}: {mend}train again"
        return Step(why=why, commands=(train,))
    return _approved_step(model, status, approve, train)


def _approved_step(model: str, status: ModelStatus, approve: str, train: str) -> Step:
    """Say what keeps an approved version from being live."""
    newest, version = status.newest, f"version {status.newest.version}"
    if newest.problem:
        why = f"{version} is Approved, but cannot be deployed: it {newest.problem}"
        step = approve if approve in newest.problem else train
        return Step(why=why, commands=(step,))
    if status.refusal:
        why = f"{version} is approved, and cannot be deployed: {status.refusal}"
        return Step(why=why)
    deploy = f"run {model} --stage deploy"
    if status.attempted == newest.version:
        reason = status.reason or (
            f"build/{model}/index.html says why, in CircleCI among the artifacts of "
            "the deploy job"
        )
        why = f"{version} is approved, but its last deploy did not make it live: "
        return Step(why=f"{why}{reason}", commands=(deploy,))
    return Step(why=f"{version} is approved: deploy it", commands=(deploy,))
