"""What an update changes of an endpoint: decided before anything changes.

The settings of model.yaml, or of a config that was live before, are joined with what
others have set; what SageMaker would refuse is refused here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lifecycle.approval import CheckedPackage
from lifecycle.aws import Progress
from lifecycle.endpoint import DAMAGED, EndpointState, read_hosting_of
from lifecycle.errors import EndpointError
from lifecycle.invocation import Golden
from lifecycle.registration.packages import Package
from lifecycle.serving.endpoint_config import (
    add_model,
    config_name,
    deployment_config,
    ensure_config,
    ensure_model,
    read_config,
    served_settings,
)
from lifecycle.serving.hosting import (
    NOTHING,
    Hosting,
    Kept,
    capacity,
    describe_capacity,
    join_kept,
    kept_settings,
    read_settings,
    retained_properties,
)
from lifecycle.serving.refusals import find_refusal


@dataclass(frozen=True, kw_only=True)
class Update:
    """What an endpoint is to serve, and how it is to get there.

    Attributes:
        settings: `endpoint` of model.yaml; not needed where `retained` is given.
        retained: the config that has served the package before, for a rollback.
        canary: `endpoint.canary` of model.yaml.
    """

    checked: CheckedPackage
    deadline: float
    on_progress: Progress
    settings: Mapping[str, Any] = field(default_factory=dict)
    retained: str = ""
    canary: Mapping[str, Any] = field(default_factory=dict)
    is_rollback: bool = False
    rolled_back_from: str = ""
    rolled_back_by: str = ""

    @property
    def package(self) -> Package:
        """Return the package that is to be served."""
        return self.checked.package

    @property
    def golden(self) -> Golden | None:
        """Return the records that the endpoint is verified by, if there are any."""
        return self.checked.golden


@dataclass(frozen=True, kw_only=True)
class Change:
    """What an update does to the endpoint as it is now.

    Attributes:
        config: the name of the endpoint config that is to be served.
        settings: what of model.yaml it is made from; `kept`: what of others.
        base: the retained config that it is, or is made from.
        arguments: further ones of UpdateEndpoint.
        missing: what of the live config and its model was deleted.
        notes: what is kept and what cannot be, in words.
        before: the endpoint that it was decided for.
    """

    config: str
    settings: Mapping[str, Any]
    kept: Kept = NOTHING
    base: Hosting | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    missing: str = ""
    notes: tuple[str, ...] = ()
    before: EndpointState | None = None

    def is_for(self, now: EndpointState | None) -> bool:
        """Return whether the endpoint is as it was when the change was decided."""
        then = self.before
        if now is None or then is None:
            return now is then
        return (now.modified, now.status, now.config) == (
            then.modified,
            then.status,
            then.config,
        )


def plan_change(update: Update, before: EndpointState | None) -> Change:
    """Decide on the config and the arguments of an update, before anything changes.

    Raises:
        EndpointError: SageMaker would refuse it, or could not take it back.
    """
    package, name = update.package, update.package.model
    base, kept = None, NOTHING
    settings = update.settings
    if update.retained:
        base = add_model(read_config(update.retained, {"EndpointName": name}))
        if not base.config:
            raise EndpointError(
                f"{name}: the endpoint config {update.retained} was deleted; name the "
                "version with --to"
            )
        settings = read_settings(base)
        kept = kept_settings(base, settings)
    settings = served_settings(name, settings)
    if before is None:
        config = update.retained or config_name(package, settings)
        return Change(config=config, settings=settings, kept=kept, base=base)
    live = read_hosting_of(before)
    both = join_kept(kept, kept_settings(live, settings))
    is_retained = update.retained and replace(both, tags=kept.tags) == kept
    config = update.retained if is_retained else config_name(package, settings, both)
    arguments = retained_properties(live, settings, is_rollback=update.is_rollback)
    instances = capacity(live, settings, arguments)
    refusal = find_refusal(
        live, settings, both, canary=update.canary, instances=instances
    )
    if refusal and not before.serves(config):
        raise EndpointError(
            f"{name}: version {package.version} cannot be served, and nothing was "
            f"changed: {refusal}"
        )
    # An endpoint that is damaged is mended at once.
    canary = {} if before.status in DAMAGED else update.canary
    return Change(
        config=config,
        settings=settings,
        kept=both,
        base=base,
        arguments=arguments | deployment_config(canary),
        missing=live.missing,
        notes=tuple(_notes(live, both, instances)),
        before=before,
    )


def wanted_config(
    package: Package, endpoint: Mapping[str, Any], now: EndpointState
) -> str:
    """Name the config that a deploy of a package would serve; "" if it has to be made.

    Args:
        endpoint: the section of model.yaml.
    """
    live = read_hosting_of(now)
    settings = served_settings(package.model, endpoint)
    kept = kept_settings(live, settings)
    return "" if live.missing else config_name(package, settings, kept)


def ensure_resources(update: Update, change: Change) -> None:
    """Create the config and the SageMaker model of a change if they are missing."""
    if change.base and change.config == update.retained:
        ensure_model(update.package, change.config, change.base)
        return
    before = change.base.tags.get("before", "") if change.base else ""
    ensure_config(update.package, change.settings, change.kept, before=before)


def _notes(live: Hosting, kept: Kept, instances: int) -> Iterator[str]:
    """Yield what an update keeps of others' settings, and what it cannot."""
    for one in (describe_capacity(live, instances), *kept.described()):
        if one:
            yield f"kept: {one}"
    container = live.model.get("PrimaryContainer", {})
    if variables := ", ".join(container.get("Environment", ())):
        yield f"not kept: the environment of the SageMaker model, {variables}"
    if live.missing:
        yield f"not kept: what only the {live.missing} said, which was deleted"
