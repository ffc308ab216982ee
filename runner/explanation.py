"""Why a model's endpoint is not what its content asks for, and what to do about it."""

from runner.overview import State


def explain(model: str, content: str, state: State) -> str:
    """Say what keeps content and endpoint apart, the nearest reason; nothing if none.

    Whoever reads it knows what to do next.
    """
    now = state.live
    if now.status and now.status != "InService":
        return f"the endpoint is {now.status}"
    if now.fingerprint == content:
        changed = "the endpoint has changed since a deploy verified it"
        return "" if state.verified else changed
    if state.rolled_back_from == content:
        return _rolled_back(model, content, state)
    if state.newest.version == now.version != 0:
        return f"live version {now.version} has other content: train it"
    missing = _missing(content, state)
    if not now.version:
        return missing
    return f"live version {now.version} has other content; {missing}"


def _rolled_back(model: str, content: str, state: State) -> str:
    """Name both ways out of a rollback: it stays until somebody takes one."""
    newest = state.newest
    said = f"rolled back to version {state.live.version}: fix this content and merge"
    if newest.fingerprint != content or newest.status != "Approved":
        return said
    forward = f"python -m runner rollback {model} --to {newest.version}"
    return f"{said}, or go forward again: {forward}"


def _missing(content: str, state: State) -> str:
    """Say which step between training and serving has not been taken."""
    newest = state.newest
    if not newest.version:
        return "nothing is registered: train it"
    said = f"version {newest.version}"
    if newest.fingerprint != content:
        word = "too" if state.live.version else "other content"
        return f"the newest, {said}, has {word}: train it"
    if newest.status == "PendingManualApproval":
        return f"{said} waits for approval"
    if newest.status != "Approved":
        return f"{said} is {newest.status}: train again"
    if state.attempted == newest.version:
        why = state.reason or "the log of that deploy says why"
        return f"{said} is approved, but its last deploy did not make it live: {why}"
    return f"{said} is approved: deploy it"
