"""What malformed requests must not lead to: a small part of what fuzz.py sends."""

import signal

import pytest
from embedded_aws.validation import JSON_SERVICES, compile_pattern
from fuzz import Fuzzer, actions
from moto.core.utils import get_service_model

HOSTILE = ("x" * 60, "1" * 60, "-" * 60, "x-" * 30, "a." * 30, "a/" * 30, "a:" * 30)


def test_no_request_breaks_an_action():
    """Every JSON action answers each malformed request with 2xx or 4xx, in JSON."""
    fuzzer = Fuzzer(seed=7)
    for action in actions():
        for _ in range(4):
            fuzzer.send(*action)
    assert fuzzer.faults == []
    assert fuzzer.statuses[400] > sum(fuzzer.statuses.values()) / 2


@pytest.mark.parametrize("name", [name for name, _ in JSON_SERVICES.values()])
def test_no_pattern_takes_for_ever(name):
    """A text of sixty characters is matched at once, however hostile it is."""

    def give_up(*_):
        pytest.fail(f"{pattern} takes for ever; put a quick one into QUICK_PATTERNS")

    model = get_service_model(name)
    shapes = map(model.shape_for, model.shape_names)
    patterns = {shape.metadata.get("pattern") for shape in shapes} - {None}
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(20)
    for pattern in patterns:
        compiled = compile_pattern(pattern)
        for text in HOSTILE if compiled else ():
            for start in ("", "arn:aws:", "https://"):
                compiled.fullmatch(f"{start}{text}\n")
    signal.alarm(0)
