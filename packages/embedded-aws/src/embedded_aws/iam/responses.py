"""IAM's actions."""

from typing import Any

from moto.core.responses import ActionResult
from moto.iam.responses import IamResponse


class Response(IamResponse):
    """Add the check that SageMaker's SDK makes before it trains."""

    def simulate_principal_policy(self) -> ActionResult:
        """Allow every action."""
        actions: list[str] = self._get_param("ActionNames", [])
        resources: list[str] = self._get_param("ResourceArns") or ["*"]
        results = [verdict(a, r) for a in actions for r in resources]
        return ActionResult({"EvaluationResults": results, "IsTruncated": False})


def verdict(action: str, resource: str) -> dict[str, Any]:
    """Return an entry of the answer that allows one action on one resource."""
    return {
        "EvalActionName": action,
        "EvalResourceName": resource,
        "EvalDecision": "allowed",
        "MatchedStatements": [],
        "MissingContextValues": [],
    }
