"""IAM's actions."""

from collections.abc import Iterator
from itertools import product
from typing import Any

from moto.core.common_types import TYPE_RESPONSE
from moto.core.responses import ActionResult
from moto.iam.exceptions import InvalidInput, NoSuchEntity
from moto.iam.models import IAMBackend, User
from moto.iam.responses import IamResponse

from embedded_aws.account import ROLE_ARN
from embedded_aws.iam.models import OF_AWS, NotAuthorizedError
from embedded_aws.iam.policies import Context, Decision, Policy, PolicyError, decide

EVERYTHING = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
PAGE = 100
# What only AWS may do with the policies that it manages.
CHANGES = {
    "CreatePolicyVersion",
    "DeletePolicyVersion",
    "SetDefaultPolicyVersion",
    "DeletePolicy",
    "TagPolicy",
    "UntagPolicy",
}
# By the kind in an ARN, where moto's backend has them.
KINDS = {"role": "roles", "user": "users", "group": "groups"}


class Response(IamResponse):
    """Add the simulations of policies, which SageMaker's SDK asks for."""

    def call_action(self) -> TYPE_RESPONSE:
        """Answer an action, unless it would change a policy of AWS."""
        action, arn = self._get_action(), self._get_param("PolicyArn") or ""
        if action in CHANGES and OF_AWS.match(arn):
            text = f"Not authorized to perform iam:{action} on a policy of AWS: {arn}"
            return self.serialized(ActionResult(NotAuthorizedError(text)))
        return super().call_action()

    def simulate_principal_policy(self) -> ActionResult:
        """Decide by the policies of a role, a user or a group, and by further ones."""
        arn = self._get_param("PolicySourceArn")
        backend: IAMBackend = self.backend
        source = _find(backend, arn)
        boundary = getattr(source, "permissions_boundary_arn", None)
        try:
            policies = list(_policies_of(backend, source))
            limits = [_managed(backend, boundary)] if boundary else []
        except PolicyError as error:
            raise InvalidInput(str(error)) from error
        return self._simulate(policies, limits)

    def simulate_custom_policy(self) -> ActionResult:
        """Decide by the given policies alone."""
        return self._simulate([], [])

    def _simulate(self, policies: list[Policy], limits: list[Policy]) -> ActionResult:
        """Answer with a page of decisions, one for each action and resource."""
        try:
            policies = [*policies, *self._read("PolicyInputList")]
            limits = [*limits, *self._read("PermissionsBoundaryPolicyInputList")]
            context = self._context()
            actions = self._get_param("ActionNames", [])
            resources = self._get_param("ResourceArns") or ["*"]
            results = [
                _result(action, resource, policies, limits, context)
                for action, resource in product(actions, resources)
            ]
        except PolicyError as error:
            raise InvalidInput(str(error)) from error
        start = int(self._get_param("Marker") or 0)
        end = start + int(self._get_param("MaxItems") or PAGE)
        page: dict[str, Any] = {"EvaluationResults": results[start:end]}
        page["IsTruncated"] = end < len(results)
        return ActionResult(page | ({"Marker": str(end)} if end < len(results) else {}))

    def _read(self, parameter: str) -> Iterator[Policy]:
        for number, document in enumerate(self._get_param(parameter) or [], 1):
            yield Policy.read(f"{parameter}.{number}", document)

    def _context(self) -> Context:
        return {
            one["ContextKeyName"]: one.get("ContextKeyValues", [])
            for one in self._get_param("ContextEntries") or []
        }


def _policies_of(backend: IAMBackend, source: Any) -> Iterator[Policy]:
    """Yield the policies of a role, a user with their groups, or a group.

    The role that the account starts with may do everything until it has its own.
    """
    found = [
        *source.policies.items(),
        # A role that was kept has them as they were when it was.
        *(
            (one.name, _default(backend.get_policy(one.arn)))
            for one in source.managed_policies.values()
        ),
    ]
    for name, document in found:
        yield Policy.read(name, document)
    if isinstance(source, User):
        for group in backend.get_groups_for_user(source.name):
            yield from _policies_of(backend, group)
    if not found and source.arn == ROLE_ARN:
        yield Policy.read("everything", EVERYTHING)


def _find(backend: IAMBackend, arn: str) -> Any:
    """Return the role, user or group of an ARN."""
    kind = arn.rpartition(":")[2].partition("/")[0]
    for one in getattr(backend, KINDS.get(kind, ""), {}).values():
        if one.arn == arn:
            return one
    raise NoSuchEntity(f"The {kind} with ARN {arn} cannot be found.")


def _managed(backend: IAMBackend, arn: str) -> Policy:
    return Policy.read(arn, _default(backend.get_policy(arn)))


def _default(policy: Any) -> str:
    """Return the document of a managed policy's default version."""
    version = next(one for one in policy.versions if one.is_default_version)
    return str(version.document)


def _result(
    action: str,
    resource: str,
    policies: list[Policy],
    limits: list[Policy],
    context: Context,
) -> dict[str, Any]:
    """Return an entry of the answer: one action on one resource."""
    decision = decide(policies, action, resource, context)
    result: dict[str, Any] = {
        "EvalActionName": action,
        "EvalResourceName": resource,
        "MissingContextValues": decision.missing,
    }
    if limits:
        bound = decide(limits, action, resource, context)
        inside = {"AllowedByPermissionsBoundary": bound.is_allowed}
        result["PermissionsBoundaryDecisionDetail"] = inside
        if decision.is_allowed and not bound.is_allowed:
            decision = Decision(verdict=bound.verdict, matched=bound.matched)
    matched = [
        {"SourcePolicyId": name, "SourcePolicyType": "IAM Policy"}
        for name in decision.matched
    ]
    return result | {"EvalDecision": decision.verdict, "MatchedStatements": matched}
