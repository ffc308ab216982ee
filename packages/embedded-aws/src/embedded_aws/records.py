"""What moto answers from records of its own, in which nothing runs, kept between runs.

IAM's users and access keys are not kept: the state holds no secrets.
"""

import logging
from typing import Any

import moto.backends
from moto.core.base_backend import BaseBackend

from embedded_aws.account import ACCOUNT_ID
from embedded_aws.state import encode, state

log = logging.getLogger(__name__)

KIND = "records"
# By the name that a service signs with: moto's name, and attributes of its backend.
KEPT = {
    "iam": ("iam", ("roles", "managed_policies", "groups", "open_id_providers")),
    "monitoring": ("cloudwatch", ("alarms",)),
    "ecr": ("ecr", ("repositories",)),
    "sagemaker": (
        "sagemaker",
        (
            "experiments",
            "trials",
            "trial_components",
            "pipelines",
            "data_quality_job_definitions",
            "model_bias_job_definitions",
            "model_explainability_job_definitions",
            "model_quality_job_definitions",
        ),
    ),
}
# By service and region what was saved last.
saved: dict[str, str] = {}


def keep(service: str) -> None:
    """Save the records of a service, if they have changed."""
    if service not in KEPT:
        return
    name, attributes = KEPT[service]
    for region, backend in list(_backends(name).items()):
        records = {each: getattr(backend, each) for each in attributes}
        key = f"{service}/{region}"
        if not any(records.values()) and key not in saved:
            continue
        try:
            text = encode(records)
        except (TypeError, ValueError, RecursionError, RuntimeError):
            log.exception("%s: its records are not kept", key)
            continue
        if saved.get(key) != text:
            document = {"service": service, "region": region, "records": records}
            state.save(KIND, key, document)
            saved[key] = text


def load() -> None:
    """Find the records that an earlier run kept."""
    for document in state.load(KIND):
        name, _ = KEPT[document["service"]]
        backend = _backends(name)[document["region"]]
        for attribute, values in document["records"].items():
            found = getattr(backend, attribute)
            found.clear()
            found.update(values)
        key = f"{document['service']}/{document['region']}"
        saved[key] = encode(document["records"])


def _backends(name: str) -> dict[str, BaseBackend]:
    get_backend: Any = moto.backends.get_backend
    found: dict[str, BaseBackend] = get_backend(name)[ACCOUNT_ID]
    return found
