"""What is registered and what is live, of one model or of all of them at once.

All of them takes four paginated queries, whatever the number of models: the tags of
all endpoints and of all package groups, the endpoints' statuses, and the packages
registered since the oldest one that is not live. With 1,000 models, each with an
endpoint, these are 30 calls, one more per hundred of those packages, and one per
endpoint that something has changed since a deploy. Of a newest package that is live,
nobody asks again whether it is approved; a close look does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from runner.live import live, served_config, utc
from runner.package import packages
from runner.session import client
from runner.tags import live_tags, number_in, tagged, time_in

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
    """A model's newest package, what its endpoint serves, and what nearly came."""

    newest: Version = Version()
    live: Version = Version()
    verified: bool = True
    rolled_back_from: str = ""
    # The version that a deploy was begun of last, unless it ended well; and AWS's why.
    attempted: int = 0
    reason: str = ""


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
        attempted=now.attempted,
        reason=now.reason,
    )


def survey() -> dict[str, State]:
    """Look at all models at once."""
    groups = {
        tags["owner"]: tags
        for arn, tags in tagged("sagemaker:model-package-group", version="")
        if tags["owner"] == arn.rpartition("/")[2] and time_in(tags)
    }
    endpoints, statuses = live_tags(), _endpoints()
    approvals = _approvals(groups, endpoints)
    return {
        name: _state(
            name,
            groups.get(name, {}),
            approvals.get(name, ""),
            endpoints.get(name, {}),
            statuses.get(name, ("", "")),
        )
        for name in {*groups, *endpoints, *statuses}
    }


def _state(
    name: str,
    group: Mapping[str, str],
    approval: str,
    endpoint: Mapping[str, str],
    now: tuple[str, str],
) -> State:
    newest = _version(group, status=approval or "Approved")
    status, modified = now
    since = {"since": modified} if status and not time_in(endpoint) else {}
    served = _version({**endpoint, **since}, status=status)
    return State(
        newest=newest if group else Version(),
        live=served if status else Version(),
        verified=bool(endpoint) and _is_verified(name, endpoint, modified),
        rolled_back_from=endpoint.get("rolled_back_from", ""),
        attempted=number_in(endpoint, "attempted"),
    )


def _is_verified(name: str, endpoint: Mapping[str, str], modified: str) -> bool:
    """Tell whether an endpoint serves what its tags name: what was verified.

    Whatever changed it since may have been undone, so that is looked at closely.
    """
    if endpoint.get("since", "") == modified:
        return True
    return served_config(name) == endpoint.get("config", "")


def _version(tags: Mapping[str, str], *, status: str) -> Version:
    return Version(
        version=number_in(tags),
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
    oldest = min(filter(None, map(time_in, undecided.values())))
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
