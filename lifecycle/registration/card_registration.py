"""SageMaker's model card of a version: registered, and kept as its approval is."""

import json
from collections.abc import Mapping
from typing import Any

from lifecycle.aws import client, error_code, ignore_not_found
from lifecycle.registration.model_card import Status, card_name, status_of
from lifecycle.registration.packages import Package


def register_card(
    model: str, version: int, content: Mapping[str, Any], status: Status
) -> str:
    """Create the model card of a version, or update the one there is.

    Returns:
        The card's name.
    """
    from botocore.exceptions import ClientError

    name, text = card_name(model, version), json.dumps(content)
    sagemaker = client("sagemaker")
    try:
        sagemaker.create_model_card(
            ModelCardName=name, Content=text, ModelCardStatus=status
        )
    except ClientError as error:
        if error_code(error) != "ConflictException":
            raise
        known = sagemaker.describe_model_card(ModelCardName=name)
        if json.loads(known["Content"]) != content:
            sagemaker.update_model_card(ModelCardName=name, Content=text)
        _set_status(name, known["ModelCardStatus"], status)
    return name


def follow_approval(package: Package) -> Status | None:
    """Give the card of a decided version the status of its approval.

    Returns:
        The card's status; None if the version has no card.
    """
    name = card_name(package.model, package.version)
    wanted = status_of(package.approval_status, [])
    with ignore_not_found():
        known = client("sagemaker").describe_model_card(ModelCardName=name)
        _set_status(name, known["ModelCardStatus"], wanted)
        return wanted
    return None


def _set_status(name: str, known: str, wanted: Status) -> None:
    # One call changes either the content or the status of a card.
    if known != wanted:
        client("sagemaker").update_model_card(
            ModelCardName=name, ModelCardStatus=wanted
        )
