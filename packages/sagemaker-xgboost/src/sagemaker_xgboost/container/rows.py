"""Records of RecordIO files as a matrix of features and their labels."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from sagemaker_xgboost.container.recordio import Record, Tensor


def stack_records(records: Iterable[Record]) -> tuple[Any, Any]:
    """Stack records into a matrix, sparse when one of them is, and their labels."""
    rows, labels = [], []
    for record in records:
        if record.features is None:
            continue
        rows.append(record.features)
        if record.label is not None:
            labels.append(record.label.values)
    if not rows:
        raise ValueError("No records found in RecordIO-Protobuf data")
    sparse = any(row.keys.size for row in rows)
    features = stack_sparse(rows) if sparse else np.vstack([row.values for row in rows])
    return features, np.concatenate(labels, axis=None) if labels else None


def stack_sparse(rows: Iterable[Tensor]) -> Any:
    """Stack rows of which at least one is sparse."""
    from scipy.sparse import vstack

    return vstack([sparse_row(row) for row in rows]).tocsr()


def sparse_row(row: Tensor) -> Any:
    """Write one row as a sparse matrix; a dense row keeps all of its values."""
    from scipy.sparse import csr_matrix

    if not row.keys.size:
        return csr_matrix(row.values.reshape(1, -1))
    width = row.width or int(row.keys.max()) + 1
    bounds = [0, len(row.keys)]
    return csr_matrix((row.values, row.keys, bounds), shape=(1, width))
