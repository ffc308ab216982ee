"""Train scikit-learn's pipeline; SageMaker runs this file in its own image."""

import argparse
import os
from pathlib import Path

import joblib
import pandas as pd
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def main():
    """Fit on the train channel, and leave the pipeline for the endpoint."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--regularization", type=float, default=1.0)
    arguments = parser.parse_args()
    # The label is the first column, as `prepare` writes it.
    rows = pd.read_csv(Path(os.environ["SM_CHANNEL_TRAIN"], "train.csv"), header=None)
    features, label = rows.iloc[:, 1:].to_numpy(), rows[0].astype(int)
    pipeline = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(C=1 / arguments.regularization, max_iter=1000),
    )
    pipeline.fit(features, label)
    print(f"accuracy on {len(rows)} training rows: {pipeline.score(features, label)}")
    joblib.dump(pipeline, Path(os.environ["SM_MODEL_DIR"], "pipeline.joblib"))


def model_fn(model_dir):
    """Load what `main` has left."""
    return joblib.load(Path(model_dir, "pipeline.joblib"))


def predict_fn(features, pipeline):
    """Return a probability per species, where `predict` would return one species."""
    return pipeline.predict_proba(features)


if __name__ == "__main__":
    main()
