"""Scoring a model as its endpoint will: the candidate, and the live model beside it."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sagemaker_xgboost import archive

from lifecycle.data import PREPARED, evidence_of, read_split
from lifecycle.endpoint import EndpointState, read_state
from lifecycle.errors import DataError, LifecycleError, StorageError
from lifecycle.inference import ScriptedModel, load_scripted, takes_raw
from lifecycle.invocation import Golden, read_golden
from lifecycle.registration.packages import Package, describe
from lifecycle.s3 import read_archive, read_json
from lifecycle.statistics.comparison import (
    MIN_ROWS,
    OF,
    OF_CLASS,
    Comparison,
    Estimate,
    class_of,
    format_estimate,
    format_number,
)
from lifecycle.statistics.decision import Decision
from lifecycle.statistics.diagnosis import shown
from lifecycle.tabular.membership import row_hashes

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import xgboost as xgb

    from lifecycle.raw.raw_records import Record
    from lifecycle.statistics.uncertainty import Measure
    from lifecycle.training import TrainingJob

MODEL_FILE = "xgboost-model"
# How many classes a message names.
MAX_NAMED = 5
# A package's metric of this name is the threshold at which its decision is made.
THRESHOLD = "threshold"


@dataclass(frozen=True, kw_only=True)
class LiveScore:
    """A candidate and the live model on test rows that neither has trained on.

    Attributes:
        metrics: the live model's.
        comparisons: of both, by metric, with the interval of the difference.
        rows: how many test rows are compared on.
        left_out: how many are not, because the live model has trained on them.
        reason: why nothing could be compared.
        threshold: at which the live model's decision is made; None without a decision.
        predictions: the live model's for each test row, NaN for those left out.
    """

    live: EndpointState
    metrics: Mapping[str, float] = field(default_factory=dict)
    comparisons: Mapping[str, Comparison] = field(default_factory=dict)
    rows: int = 0
    left_out: int = 0
    reason: str = ""
    threshold: float | None = None
    predictions: Any = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        if self.reason:
            return f"{self.live} is not comparable: {self.reason}"
        without = (
            f"; {self.left_out} that it trained on left out" if self.left_out else ""
        )
        return f"live: {self.live}; compared on {self.rows} test rows{without}"


def load_booster(model_data: str, sha256: str = "") -> "xgb.Booster":
    """Load the model from the archive of a training job.

    Nothing of the archive is unpacked to disk or executed.

    Args:
        model_data: S3 URI of model.tar.gz.
        sha256: of the archive that is wanted, if that is known.

    Raises:
        StorageError: it holds no XGBoost model.
        IntegrityError: it is another archive.
    """
    import xgboost as xgb
    from sagemaker_xgboost.model_file import ModelFileError, check_model

    content = read_archive(model_data, sha256)
    try:
        model = archive.read_member(content, MODEL_FILE)
    except archive.ArchiveError as error:
        raise StorageError(
            f"{model_data}: holds no readable {MODEL_FILE}, {error}; train again"
        ) from error
    try:
        check_model(model)
        return xgb.Booster(model_file=model)
    except (ModelFileError, xgb.core.XGBoostError) as error:
        reason = str(error).splitlines()[0]
        raise StorageError(
            f"{model_data}: {MODEL_FILE} is not a model of XGBoost, {reason}; "
            "train again"
        ) from error


def predict(
    model: "xgb.Booster | ScriptedModel", features: Any
) -> "np.ndarray[Any, Any]":
    """Predict as the serving container does: by position, not by column name.

    Args:
        model: of `load_booster`, or of `load_scripted` in lifecycle.inference.
        features: a table or nested lists, rows x features, in the order of training.

    Returns:
        float32, one value per row; of a multiclass model, rows x classes.
    """
    import numpy as np
    import xgboost as xgb

    if isinstance(model, ScriptedModel):
        return model.predict(features)
    return model.predict(xgb.DMatrix(np.asarray(features, dtype="float32")))


def predict_as_served(
    job: "TrainingJob", features: Any, raw: "Sequence[Record] | None" = None
) -> "np.ndarray[Any, Any]":
    """Predict by the archive that a job has left, as its endpoint will.

    Args:
        features: a table or nested lists, rows x features, in the order of training.
        raw: the records of the same rows, as `read_raw` returns them; None if the
            model takes features.

    Returns:
        One value per row.

    Raises:
        DataError: its code fails, or does not answer a number per row.
    """
    if not job.program:
        return predict(load_booster(job.model_data, job.archive_sha256), features)
    scripted = load_scripted(job.model_data, job.program, job.archive_sha256)
    return predict(scripted, raw if takes_raw(job.program) else features)


def intervals(
    measure: "Measure",
    truth: Any,
    prediction: Any,
    decision: Decision | None = None,
    *,
    classes: Sequence[str] = (),
) -> dict[str, Estimate]:
    """Return each metric of a model with its 95 % confidence interval.

    Args:
        measure: returns metrics by name from truth and prediction.
        decision: whose threshold `measure` takes as its third argument, if any.
        classes: the names of the columns of a multiclass model's prediction.
    """
    from lifecycle.statistics.uncertainty import estimate, statistics_of

    made = statistics_of(measure, truth, prediction, decision, classes)
    return estimate(made, len(truth))


def interval_table(estimates: Mapping[str, Estimate]) -> "pd.DataFrame":
    """Return metrics with their intervals, as text; those of one class are left out."""
    import pandas as pd

    rows = {
        name: {"value": one.value, "low": one.low, "high": one.high}
        for name, one in estimates.items()
        if not class_of(name)
    }
    return shown(pd.DataFrame.from_dict(rows, orient="index"))


def class_table(
    estimates: Mapping[str, Estimate], truth: Any, classes: Sequence[str]
) -> "pd.DataFrame":
    """Return the metrics of each class with their intervals, as text.

    Args:
        estimates: of metrics such as `recall of Adelie`.
        truth: by which the rows of each class are counted.
        classes: their names, in the order of the labels.
    """
    import numpy as np
    import pandas as pd

    known = np.asarray(truth)
    rows = {
        name: {"rows": str(int((known == place).sum()))}
        | {
            kind: format_estimate(estimates[f"{kind}{OF}{name}"])
            for kind in OF_CLASS
            if f"{kind}{OF}{name}" in estimates
        }
        for place, name in enumerate(classes)
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def score_live(
    model: str,
    rows: "pd.DataFrame",
    prediction: Any,
    *,
    measure: "Measure",
    decision: Decision | None = None,
    classes: Sequence[str] = (),
    raw: "Sequence[Record] | None" = None,
) -> LiveScore | None:
    """Compare a candidate with the live model, on rows that neither has trained on.

    The live model gets its own features, by their names, or raw records, and decides at
    its own threshold, if it was registered with one. Its classes are matched by their
    names.

    Args:
        rows: the test rows, label first.
        prediction: what the candidate predicts for them.
        measure: returns metrics by name from truth and prediction.
        decision: whose threshold `measure` takes as its third argument, if any.
        classes: the names of the columns of a multiclass model's prediction.
        raw: the records of the rows, as `read_raw` returns them, if there are any.

    Returns:
        None if no version of this project is live. A live model that cannot be compared
        does not keep its successor from being registered: `reason` says why.
    """
    import numpy as np

    live = read_state(model)
    if live is None or live.status == "Failed" or not live.package:
        return None
    found, truth = LiveScore(live=live), rows.iloc[:, 0].to_numpy()
    try:
        package = describe(live.package)
        former, asked, order = _load_live(package, rows, raw, classes)
        is_new = _is_new(package, rows, classes)
        count = int(is_new.sum())
        found = replace(found, left_out=len(rows) - count)
        _check_count(count, found.left_out)
        theirs = predict(former, asked[is_new])
        theirs = theirs[:, order] if classes else theirs
        chosen = _decision_of(package, decision)
        found = replace(
            found,
            threshold=chosen.threshold if chosen else None,
            predictions=_spread(theirs, is_new),
        )
        sides = (np.asarray(prediction)[is_new], decision), (theirs, chosen)
        comparisons = _compare(measure, truth[is_new], *sides, classes)
    except LifecycleError as error:
        return replace(found, reason=str(error))
    metrics = {name: one.live for name, one in comparisons.items()}
    return replace(found, metrics=metrics, comparisons=comparisons, rows=count)


def comparison_table(
    score: LiveScore | None, *, of_classes: bool = False
) -> "pd.DataFrame":
    """Return candidate and live model side by side, with the difference in words.

    Args:
        of_classes: the metrics of single classes, as `recall of Adelie`, instead of
            those of all.
    """
    import pandas as pd

    found = [
        one
        for one in (score.comparisons.values() if score else ())
        if bool(class_of(one.metric)) == of_classes
    ]
    version = score.live.version if score else ""
    rows = {
        one.metric: {
            "candidate": format_number(one.candidate),
            f"live, version {version}": format_number(one.live),
            "difference": one.difference.value,
            "low": one.difference.low,
            "high": one.difference.high,
            "answer": one.answer(),
        }
        for one in found
    }
    return shown(pd.DataFrame.from_dict(rows, orient="index"))


def _load_live(
    package: Package,
    rows: "pd.DataFrame",
    raw: "Sequence[Record] | None",
    classes: Sequence[str],
) -> "tuple[xgb.Booster | ScriptedModel, Any, list[int]]":
    """Load a live model.

    Returns:
        Beside it what it is asked for each row, and the place of each of the classes
        in its predictions.

    Raises:
        DataError: the rows lack what it takes, or its classes are others.
    """
    golden = read_golden(package.model, package.metadata)
    known = package.metadata.get("archive_sha256", "")
    model: xgb.Booster | ScriptedModel
    if package.program:
        model = load_scripted(package.model_data, package.program, known)
        count = len(golden.rows[0]) if golden else 0
    else:
        model = load_booster(package.model_data, known)
        count = model.num_features()
    asked = (
        _asked_raw(package, golden, raw)
        if takes_raw(package.program)
        else _asked_features(package, golden, rows, count)
    )
    return model, asked, _class_order(package, golden, classes)


def _asked_raw(
    package: Package, golden: Golden | None, raw: "Sequence[Record] | None"
) -> "np.ndarray[Any, Any]":
    """Return the raw records of the rows, as far as a live model takes them."""
    import numpy as np

    if not raw or not golden:
        raise DataError(
            f"version {package.version} takes raw records, and there are none of the "
            "test rows; pass raw= to write_splits, and to score_live"
        )
    columns = [*golden.rows[0]]
    _check_names(package, columns, raw[0], "a raw column")
    return np.array([{name: one[name] for name in columns} for one in raw])


def _asked_features(
    package: Package, golden: Golden | None, rows: "pd.DataFrame", count: int
) -> "pd.DataFrame":
    """Return the features that a live model takes of the rows, in its order."""
    features = list(golden.columns) if golden else []
    if len(features) != count or not features:
        raise DataError(
            f"version {package.version} was registered without the names of its "
            f"{count} features; pass golden=(rows[features], ...) to `register`"
        )
    _check_names(package, features, rows, "a feature")
    return rows[features]


def _check_names(
    package: Package, names: Sequence[str], known: Container[str], what: str
) -> None:
    if missing := [name for name in names if name not in known]:
        raise DataError(
            f"version {package.version} needs {', '.join(map(repr, missing))}, which "
            f"is no longer {what}"
        )


def _class_order(
    package: Package, golden: Golden | None, classes: Sequence[str]
) -> list[int]:
    """Return the place of each class in a live model's predictions.

    Raises:
        DataError: it predicts other classes.
    """
    theirs = list(golden.classes) if golden else []
    if odd := sorted({*theirs} ^ {*classes}):
        named = ", ".join(map(repr, odd[:MAX_NAMED]))
        more = ", ..." if len(odd) > MAX_NAMED else ""
        raise DataError(
            f"version {package.version} predicts other classes; only one of both "
            f"versions has {named}{more}"
        )
    return [theirs.index(name) for name in classes]


def _is_new(
    package: Package, rows: "pd.DataFrame", classes: Sequence[str]
) -> "np.ndarray[Any, Any]":
    """Return for each row whether a version did not train or validate on it.

    Rows are compared in the columns that both have, label included; of several classes
    the label is the name.

    Raises:
        DataError: the version does not say what it was trained on.
        StorageError: what it was trained on is lost.
    """
    import numpy as np

    uri = evidence_of(package.metadata.get("test", ""), PREPARED)
    if not uri:
        raise DataError(
            f"version {package.version} does not say which rows it was trained on; "
            "write them with write_splits, and train and deploy again"
        )
    remedy = "restore it, or train and deploy again"
    prepared = read_json(uri, remedy=remedy)
    columns = list(prepared["columns"])
    common = [name for name in rows if name in columns]
    label = rows.columns[0]
    numbers = {
        number: classes.index(name)
        for number, name in enumerate(prepared.get("classes") or ())
        if name in classes
    }
    mine, known = row_hashes(rows[common].astype(float)), []
    for part in ("train", "validation"):
        theirs = read_split(prepared[part], columns)[common]
        if numbers and label in common:
            theirs[label] = theirs[label].map(numbers)
        known.append(row_hashes(theirs.astype(float)))
    return ~np.isin(mine, np.concatenate(known))


def _check_count(count: int, left_out: int) -> None:
    """Check that there are enough rows to compare on."""
    if count >= MIN_ROWS:
        return
    if not left_out:
        raise DataError(f"{count} test rows are too few, {MIN_ROWS} are needed")
    raise DataError(
        f"only {count} of {count + left_out} test rows are new to it, {left_out} stand "
        f"in its training or validation rows, and {MIN_ROWS} are needed; `split` of "
        "lifecycle.data keeps every row in its part"
    )


def _decision_of(package: Package, decision: Decision | None) -> Decision | None:
    """Return the decision with a version's own threshold, if costs have chosen one."""
    own = package.metrics.get(THRESHOLD)
    if decision is None or not decision.costs or own is None:
        return decision
    return replace(decision, threshold=own)


def _spread(predictions: Any, chosen: Any) -> "np.ndarray[Any, Any]":
    """Return predictions of the chosen rows for all rows, NaN for the others."""
    import numpy as np

    every = np.full((len(chosen), *predictions.shape[1:]), np.nan)
    every[chosen] = predictions
    return every


def _compare(
    measure: "Measure",
    truth: Any,
    candidate: tuple[Any, Decision | None],
    former: tuple[Any, Decision | None],
    classes: Sequence[str],
) -> dict[str, Comparison]:
    """Compare two models on rows new to both: predictions and decision of each."""
    from lifecycle.statistics.uncertainty import compare, statistics_of

    try:
        mine = statistics_of(measure, truth, *candidate, classes)
        theirs = statistics_of(measure, truth, *former, classes)
    except ValueError as error:
        # scikit-learn refuses some metrics where all rows are of one class.
        raise DataError(
            f"its metrics cannot be measured on {len(truth)} rows: {error}"
        ) from error
    return compare(mine, theirs, len(truth))
