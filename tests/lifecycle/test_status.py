"""Why a model's endpoint is not what its content asks for."""

import pytest

from lifecycle.status import ModelStatus, Version, why_not_in_sync

CONTENT, OTHER = "a" * 64, "b" * 64
LIVE = Version(version=1, status="InService", fingerprint=OTHER)


def package(status: str = "Approved", fingerprint: str = CONTENT) -> Version:
    return Version(version=2, status=status, fingerprint=fingerprint)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (ModelStatus(), "nothing is registered: train it"),
        (ModelStatus(newest=package("Rejected")), "version 2 is Rejected: train again"),
        (
            ModelStatus(newest=package(fingerprint=OTHER)),
            "the newest, version 2, has other content: train it",
        ),
        (
            ModelStatus(newest=package(fingerprint=OTHER), live=LIVE),
            "live version 1 has other content; the newest, version 2, has too: train "
            "it",
        ),
        (
            ModelStatus(newest=package("PendingManualApproval"), live=LIVE),
            "live version 1 has other content; version 2 waits for approval",
        ),
        (
            ModelStatus(
                newest=package(), live=LIVE, attempted=3, reason="of version 3"
            ),
            "live version 1 has other content; version 2 is approved: deploy it",
        ),
        (
            ModelStatus(
                newest=package("Rejected"), live=LIVE, rolled_back_from=CONTENT
            ),
            "rolled back to version 1: fix this content and merge",
        ),
    ],
)
def test_the_nearest_reason_is_said_with_what_to_do(state, said):
    """One sentence, whatever else is the case."""
    assert why_not_in_sync("toy", CONTENT, state) == said
