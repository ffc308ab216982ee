"""What is registered and what is live, of one model or of all of them at once.

All of them takes four paginated queries, whatever the number of models: the tags of
all endpoints and of all package groups, the endpoints' statuses, and the packages
registered since the oldest one that is not live. With 1,000 models, each with an
endpoint, these are 30 calls and one more per hundred of those packages. Of a newest
package that is live, nobody asks again whether it is approved; a close look does.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from runner.live import live, utc
from runner.package import packages
from runner.session import client
from runner.tags import live_tags, tagged

PAGE = 100
# How far back a close look goes for a package of the checkout's content.
RECENT = 20


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version of a model, as registered or as live; 0 stands for none."""

    version: int = 0
    status: str = ""
    fingerprint: str = ""
    commit: str = ""
    run_id: str = ""
    since: str = ""


@dataclass(frozen=True, kw_only=True)
class State:
    """A model's newest package and what its endpoint serves."""

    newest: Version = Version()
    live: Version = Version()
    verified: bool = True
    rolled_back_from: str = ""


def look(model: str, content: str) -> State:
    """Look closely at one model; of this content's packages the newest is meant."""
    known = list(islice(packages(model), RECENT))
    mine = [one for one in known if one.fingerprint == content]
    newest = Version()
    for package in [*mine, *known][:1]:
        newest = Version(
            version=package.version,
            status=package.approval_status,
            fingerprint=package.fingerprint,
            commit=package.commit,
            run_id=package.run_id,
            since=utc(package.created),
        )
    now = live(model)
    if now is None:
        return State(newest=newest)
    served = Version(
        version=now.version,
        status=now.status,
        fingerprint=now.fingerprint,
        commit=now.commit,
        run_id=now.run_id,
        since=utc(now.since),
    )
    return State(
        newest=newest,
        live=served,
        verified=now.is_verified,
        rolled_back_from=now.rolled_back_from,
    )


def survey() -> dict[str, State]:
    """Look at all models at once."""
    groups = {
        tags["owner"]: tags
        for arn, tags in tagged("sagemaker:model-package-group", version="")
        if tags["owner"] == arn.rpartition("/")[2]
    }
    endpoints, statuses = live_tags(), _endpoints()
    approvals = _approvals(groups, endpoints)
    return {
        name: _state(
            groups.get(name, {}),
            approvals.get(name, ""),
            endpoints.get(name, {}),
            statuses.get(name, ("", "")),
        )
        for name in {*groups, *endpoints, *statuses}
    }


def _state(
    group: Mapping[str, str],
    approval: str,
    endpoint: Mapping[str, str],
    now: tuple[str, str],
) -> State:
    newest = _version(group, status=approval or "Approved")
    status, modified = now
    return State(
        newest=newest if group else Version(),
        live=_version(endpoint, status=status) if status else Version(),
        # Its tags name what was verified; whatever changed it later may serve others.
        verified=endpoint.get("since", "") == modified,
        rolled_back_from=endpoint.get("rolled_back_from", ""),
    )


def _version(tags: Mapping[str, str], *, status: str) -> Version:
    return Version(
        version=int(tags.get("version", "0")),
        status=status,
        fingerprint=tags.get("fingerprint", ""),
        commit=tags.get("commit", ""),
        run_id=tags.get("run_id", ""),
        since=tags.get("since", ""),
    )


def _endpoints() -> dict[str, tuple[str, str]]:
    """List every endpoint's status, and when it last changed."""
    pages = client("sagemaker").get_paginator("list_endpoints")
    return {
        one["EndpointName"]: (one["EndpointStatus"], utc(one["LastModifiedTime"]))
        for page in pages.paginate(PaginationConfig={"PageSize": PAGE})
        for one in page["Endpoints"]
    }


def _approvals(
    groups: Mapping[str, Mapping[str, str]], endpoints: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    """Read who is approved from the registry itself, where it is not live already."""
    undecided = {
        name: tags
        for name, tags in groups.items()
        if tags["version"] != endpoints.get(name, {}).get("version")
    }
    if not undecided:
        return {}
    oldest = min(datetime.fromisoformat(tags["since"]) for tags in undecided.values())
    pages = (
        client("sagemaker")
        .get_paginator("list_model_packages")
        .paginate(
            ModelPackageType="Versioned",
            CreationTimeAfter=oldest - timedelta(seconds=1),
            PaginationConfig={"PageSize": PAGE},
        )
    )
    return {
        one["ModelPackageGroupName"]: one.get("ModelApprovalStatus", "")
        for page in pages
        for one in page["ModelPackageSummaryList"]
        if str(one.get("ModelPackageVersion"))
        == undecided.get(one["ModelPackageGroupName"], {}).get("version")
    }


def explain(content: str, state: State) -> str:
    """Say why a model's endpoint is not in sync with its content; nothing if it is."""
    return next(iter(_reasons(content, state)), "")


def _reasons(content: str, state: State) -> Iterable[str]:
    """Say what keeps content and endpoint apart, the nearest reason first."""
    newest, now = state.newest, state.live
    if now.status and now.status != "InService":
        yield f"the endpoint is {now.status}"
    if now.fingerprint == content:
        if not state.verified:
            yield "the endpoint has changed since a deploy verified it"
        return
    if state.rolled_back_from == content:
        yield f"version {now.version} was rolled back to"
    if not newest.version:
        yield "nothing is registered: train it"
    elif newest.fingerprint != content:
        yield f"version {newest.version} has other content: train it"
    elif newest.status == "PendingManualApproval":
        yield f"version {newest.version} waits for approval"
    elif newest.status == "Approved":
        yield f"version {newest.version} is approved: deploy it"
    else:
        yield f"version {newest.version} is {newest.status}: train again"
