"""The runner's own judgement of a trained model, whatever its notebook says of itself.

Gates are judged from the metrics that a notebook returned, showed and registered and
from model.yaml: after the training, at the approval, and before a deploy.
"""

import math
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from lifecycle import registry, s3
from lifecycle.aws import aws_errors
from lifecycle.endpoint import read_state
from lifecycle.errors import LifecycleError, RegistryError
from lifecycle.evaluation_output import evaluation_of, judge, numbers
from lifecycle.gates import RELATIVE, failures
from lifecycle.registration import packages
from lifecycle.registration.packages import Package
from lifecycle.statistics.comparison import Bounds
from lifecycle.statistics.task_metrics import slice_of
from runner.errors import MALFORMED, FailedGateError, ResultsError, display_path
from runner.notebook import ipynb
from runner.pipeline.plan import Plan, Stage
from runner.review.evidence import SOURCE
from runner.spec.models import load_spec, notebook_values

# How many of the newest versions may be of a run that has just ended.
RECENT = 8
# The largest relative difference between two values of one metric.
TOLERANCE = 1e-6
PRE_APPROVED = "pre-approved"


def judge_candidate(
    plan: Plan,
    stage: Stage,
    notebook: ipynb.Notebook,
    results: Mapping[str, Any],
    baseline: Mapping[str, Any],
) -> None:
    """Check what a training notebook registered, and that it passes its gates.

    Args:
        notebook: the executed notebook.
        baseline: what was live before the run.

    Raises:
        ResultsError: the package is not this run's, or its metrics are not those that
            the notebook returned and showed.
        FailedGateError: a gate failed; or nobody will look at it, and it is undecided.
    """
    where = display_path(stage.notebook)
    package = packages.describe(str(results["package"]))
    _check_origin(plan, package, results, where)
    if package.approval_status == "Approved" and plan.spec.approval != PRE_APPROVED:
        raise ResultsError(
            f"{where}: registers version {package.version} as Approved, where "
            "model.yaml has `approval: manual`; register it with register(...)"
        )
    shown = evaluation_of(notebook) or {}
    gates = notebook_values(plan.spec)["gates"]
    _check_metrics(gates, package, results, shown, where)
    failed = failures(judge(package.metrics, gates, shown), approval=plan.spec.approval)
    live = shown.get("live") or {}
    if failed := failed or _not_compared(gates, live, baseline):
        raise FailedGateError(f"{where}: {failed}")


def require_passed(package: Package, gates: Mapping[str, Bounds]) -> None:
    """Refuse a package that fails its gates, whoever registered or approved it.

    A package that was registered as pre-approved fails by an undecided gate, too.

    Raises:
        RegistryError: a gate failed.
    """
    shown = _read_evaluation(package) if _needs_evaluation(gates) else {}
    mode = package.metadata.get("approval", "manual")
    if failed := failures(judge(package.metrics, gates, shown), approval=mode):
        raise RegistryError(
            f"{package.model}: version {package.version} fails its gates: {failed}; "
            "train a better one"
        )


def check_deployed(
    plan: Plan, stage: Stage, package: Package | None, results: Mapping[str, Any]
) -> None:
    """Check that a deploy notebook has deployed what was judged.

    Args:
        package: the approved package of the content; None if there was none.

    Raises:
        ResultsError: another package is live, or returned.
    """
    now = read_state(plan.model)
    wanted = package.arn if package else "no package"
    if now is None or {now.package, results["package"]} != {wanted}:
        judged = f"version {package.version}" if package else "none"
        raise ResultsError(
            f"{display_path(stage.notebook)}: returns {results['package']}, and "
            f"{now or 'nothing'} is live, where {judged} is approved; deploy what "
            "find_approved returns, with deploy(...)"
        )


def gates_of_package(
    root: Path, package: Package, content: str
) -> Mapping[str, Bounds]:
    """Return the gates that a package was trained for.

    Args:
        content: the fingerprint of the checkout, whose model.yaml counts for its own.
    """
    uri = f"{package.evidence}/{SOURCE}"
    if package.fingerprint != content and (source := s3.find_json(uri)):
        return dict(source["settings"]["gates"])
    return dict(notebook_values(load_spec(root, package.model))["gates"])


def reject_candidates(plan: Plan, reason: str, say: Callable[[str], None]) -> list[int]:
    """Reject what a run has registered that did not succeed; return the versions."""
    rejected = []
    try:
        with aws_errors():
            for package in islice(packages.list_packages(plan.model), RECENT):
                if package.run_id != plan.run_id:
                    continue
                if package.approval_status != "Rejected":
                    registry.reject(package, f"Run {plan.run_id} failed: {reason}")
                    say(f"rejected version {package.version}, which it had registered")
                rejected.append(package.version)
    except LifecycleError as error:
        say(f"what it has registered, if anything, could not be rejected: {error}")
    return rejected


def _check_origin(
    plan: Plan, package: Package, results: Mapping[str, Any], where: Path
) -> None:
    if results["version"] != package.version:
        raise ResultsError(
            f"{where}: returns version {results['version']!r} with the package of "
            f"version {package.version}; return package.results()"
        )
    ours = (plan.model, plan.fingerprint, plan.run_id)
    if (package.model, package.fingerprint, package.run_id) != ours:
        raise ResultsError(
            f"{where}: returns version {package.version} of {package.model}, which run "
            f"{package.run_id or 'unknown'} registered of content "
            f"{package.fingerprint[:12] or 'unknown'}; return what this run registered"
        )


def _check_metrics(
    gates: Mapping[str, Bounds],
    package: Package,
    results: Mapping[str, Any],
    shown: Mapping[str, Any],
    where: Path,
) -> None:
    """Check that a reviewer saw what was registered: of each metric with a gate."""
    places = {"the package": numbers(package.metrics)}
    places["the results"] = numbers(results["metrics"])
    if shown:
        places["the evaluation"] = shown["metrics"]
    live = shown.get("live") or {}
    compared = live.get("comparisons") or {}
    # On fewer rows than all the value is another one.
    is_whole = compared and live["rows"] == shown["test_rows"]
    for metric in gates:
        if slice_of(metric):
            continue
        values = {place: known.get(metric) for place, known in places.items()}
        if is_whole and metric in compared:
            values["the comparison"] = compared[metric]["candidate"]
        first, *others = values.values()
        if not all(_is_same(first, other) for other in others):
            said = ", ".join(
                f"{_text(one)} in {place}" for place, one in values.items()
            )
            raise ResultsError(f"{where}: {metric} is {said}; give the measured value")


def _not_compared(
    gates: Mapping[str, Bounds], live: Mapping[str, Any], baseline: Mapping[str, Any]
) -> str:
    """Say which relative gate was not judged though a version is live; "" if none."""
    version = baseline.get("version")
    if not version or live.get("reason"):
        return ""
    measured = live.get("comparisons") or {}
    missing = [
        metric
        for metric, bounds in gates.items()
        if bounds.get(RELATIVE) is not None and metric not in measured
    ]
    if not missing:
        return ""
    return (
        f"{', '.join(missing)}: not compared with version {version}, which is live; "
        "return it from `measure`, and show an EvaluationOutput with what score_live "
        "returns"
    )


def _needs_evaluation(gates: Mapping[str, Bounds]) -> bool:
    """Return whether a gate needs more than the metrics that a package keeps."""
    return any(
        slice_of(gate) or bounds.get(RELATIVE) is not None
        for gate, bounds in gates.items()
    )


def _read_evaluation(package: Package) -> Mapping[str, Any]:
    """Read what the version's run showed of its comparison, from the evidence."""
    uri = f"{package.evidence}/train-register.ipynb"
    notebook = s3.find_json(uri)
    if notebook is None:
        return {}
    try:
        return evaluation_of(notebook) or {}
    except MALFORMED as error:
        raise RegistryError(
            f"{uri}: not the notebook that a run left, so version {package.version} "
            "cannot be judged; train again"
        ) from error


def _is_same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def _text(value: float | None) -> str:
    return "missing" if value is None else f"{value:.6g}"
