"""What a version consists of, as one digest, and the objects that belong to it.

A digest is the sha256 of a file beside the version's golden records that lists, by
name, all that the version was registered with. `sha256sum` computes it as well.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from lifecycle import TRAINING_STAGES
from lifecycle.errors import ConfigurationError, IntegrityError, StorageError, printable
from lifecycle.s3 import hash_object, json_bytes, list_files, read_checked

METRIC = "metric."
# The metadata that a version is registered with. Other tools may add their own.
REGISTERED = frozenset(
    """
    approval archive_sha256 ci_url classes commit compared data_sha256 evidence
    fingerprint golden golden_sha256 looks run_id test test_sha256 training_job
    """.split()  # noqa: SIM905, a list of keys reads better unquoted
)
# The keys of a model package that decide what is served from it.
SERVED = ("InferenceSpecification", "AdditionalInferenceSpecifications", "SourceUri")
# Of a container, what a package is registered with. A member that is new in boto3 has
# to be put here or below, or else every older package would count as changed.
CONTAINER = frozenset(
    """
    AdditionalModelDataSources AdditionalS3DataSource BaseModel ContainerHostname
    Environment Framework FrameworkVersion Image IsCheckpoint ModelDataSource
    ModelDataUrl ModelInput NearestModelName ProductId
    """.split()  # noqa: SIM905, a list of members reads better unquoted
)
# What SageMaker adds by itself, at once or later.
FILLED_IN = frozenset({"ImageDigest", "ModelDataETag", "ETag", "ManifestEtag"})
CONTAINER_NAME = re.compile(r"\.Containers\.\d+$")
REGISTERED_FILE = "registered.json"
# What a reviewer reads of a run. Its page is rendered from these, again and again.
EVIDENCE = tuple(
    f"{stage}.{kind}" for stage in TRAINING_STAGES for kind in ("html", "ipynb", "json")
)
NO_EVIDENCE = "none"
MAX_SHOWN = 120  # characters of a value in an error message


def content_of(
    model: str, served: Mapping[str, Any], properties: Mapping[str, str]
) -> dict[str, str]:
    """Return by name all that a digest is over: what is served, and where it is from.

    Args:
        served: has the keys of SERVED, as SageMaker's requests and responses have them.
        properties: the package's CustomerMetadataProperties.
    """
    known = {
        key: value
        for key, value in properties.items()
        if key in REGISTERED or key.startswith(METRIC)
    }
    chosen = {key: served[key] for key in SERVED if key in served}
    return {"model": model, **known, **dict(_leaves("", chosen))}


def digest_of(content: Mapping[str, str]) -> str:
    """Return the sha256 of the file that lists what a version was registered with."""
    return hashlib.sha256(json_bytes(content)).hexdigest()


def name_changes(
    content: Mapping[str, str], metadata: Mapping[str, str], registered_digest: str
) -> str:
    """Say which parts of a package were changed after it was registered, and how.

    What it was registered with is read from its file; if that is gone or was changed
    too, only the digests are told.

    Args:
        content: of the package as it is now.
    """
    digests = f"digest {digest_of(content)[:12]} instead of {registered_digest[:12]}"
    folder = f"{metadata.get('evidence')}/{metadata.get('training_job')}"
    registered: Mapping[str, str] = {}
    with suppress(StorageError, ConfigurationError, IntegrityError):
        file = read_checked(f"{folder}/{REGISTERED_FILE}", registered_digest)
        registered = json.loads(file)
    changes = [
        f"{printable(name, MAX_SHOWN)} is "
        f"{printable(content.get(name, 'missing'), MAX_SHOWN)}, registered was "
        f"{printable(registered.get(name, 'nothing'), MAX_SHOWN)}"
        for name in sorted({*registered, *content})
        if registered.get(name) != content.get(name)
    ]
    return "; ".join([*changes, digests] if registered else [digests])


def hash_evidence(prefix: str) -> dict[str, str]:
    """Return by name the sha256 of what a reviewer reads of a run.

    Args:
        prefix: the S3 URI of the run's evidence.
    """
    names = [name for name in list_files(prefix) if name in EVIDENCE]
    return {name: hash_object(f"{prefix}/{name}").sha256 for name in names}


def evidence_digest(files: Mapping[str, str]) -> str:
    """Return one sha256 over the evidence: of the lines that `sha256sum` prints."""
    if not files:
        return NO_EVIDENCE
    lines = "".join(f"{files[name]}  {name}\n" for name in sorted(files))
    return hashlib.sha256(lines.encode()).hexdigest()


def _leaves(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield what a nested value holds, by dotted name, without what SageMaker adds."""
    if isinstance(value, Mapping):
        is_container = CONTAINER_NAME.search(name)
        for key, one in value.items():
            filled_in = key in FILLED_IN and not name.endswith(".Environment")
            unknown = filled_in or (is_container and key not in CONTAINER)
            if not unknown and not _repeats_url(key, value):
                yield from _leaves(f"{name}.{key}" if name else key, one)
    elif isinstance(value, list):
        for place, one in enumerate(value):
            yield from _leaves(f"{name}.{place}", one)
    # SageMaker answers with defaults that nobody gave; an empty variable is given.
    elif value not in (None, False, "") or ".Environment." in name:
        yield name, str(value)


def _repeats_url(key: str, container: Mapping[str, Any]) -> bool:
    """Return whether a key says again what ModelDataUrl says, in its newer form."""
    if key != "ModelDataSource":
        return False
    source = container[key].get("S3DataSource", {})
    same = {"S3DataType": "S3Object", "CompressionType": "Gzip"}
    url = {"S3Uri": container.get("ModelDataUrl")}
    return {k: v for k, v in source.items() if k not in FILLED_IN} == same | url
