"""Faults on demand: which are due, and how often."""

import threading

import pytest
from embedded_account import until
from embedded_aws.faults import Fault, Faults


def test_happens_as_often_as_it_says():
    """A fault with a count of two happens twice."""
    faults = Faults()
    faults.add(Fault(kind="throttling", count=2))
    happened = [bool(faults.take("throttling", "any", "Any")) for _ in range(3)]
    assert happened == [True, True, False]


def test_happens_forever_with_a_negative_count():
    """A count of -1 never runs out."""
    faults = Faults()
    faults.add(Fault(kind="ping-failure", count=-1))
    assert all(faults.take("ping-failure", "e") for _ in range(5))


def test_happens_to_its_own_names_and_operations_only():
    """A fault leaves other kinds, names and operations alone."""
    faults = Faults()
    faults.add(Fault(kind="ping-failure", name="abalone*", operation="UpdateEndpoint"))
    assert not faults.take("endpoint-slow", "abalone", "UpdateEndpoint")
    assert not faults.take("ping-failure", "churn", "UpdateEndpoint")
    assert not faults.take("ping-failure", "abalone", "CreateEndpoint")
    assert faults.take("ping-failure", "abalone-v2", "UpdateEndpoint")


def test_finds_a_name_anywhere_in_a_call():
    """The name of a fault that concerns a call is part of its path or body."""
    faults = Faults()
    faults.add(Fault(kind="throttling", name="abalone"))
    assert faults.take("throttling", '/ {"EndpointName": "abalone"}', "CreateEndpoint")


def test_cleared_faults_no_longer_happen():
    """Clearing one fault leaves the others, clearing all leaves none."""
    faults = Faults()
    first, second = Fault(kind="throttling"), Fault(kind="ping-failure")
    faults.add(first)
    faults.add(second)
    faults.remove(first.id)
    assert [each["kind"] for each in faults.describe()] == ["ping-failure"]
    faults.remove()
    assert faults.describe() == []


def test_waits_until_a_fault_is_cleared():
    """A thread that a fault holds up goes on when the fault is cleared."""
    faults = Faults()
    fault = Fault(kind="endpoint-stuck")
    faults.add(fault)
    held = threading.Thread(target=faults.wait_until_cleared, args=[fault, 30])
    held.start()
    held.join(0.05)
    assert held.is_alive()
    faults.remove(fault.id)
    held.join(5)
    assert not held.is_alive()


def test_lists_what_can_still_happen():
    """A fault that is used up is no longer listed, but can still be cleared."""
    faults = Faults()
    once, twice = Fault(kind="throttling"), Fault(kind="ping-failure", count=2)
    faults.add(once)
    faults.add(twice)
    faults.take("throttling", "any", "Any")
    faults.take("ping-failure", "any")
    assert [(each["id"], each["left"]) for each in faults.describe()] == [(twice.id, 1)]
    assert faults.remove(once.id)
    assert not faults.remove(once.id)


def test_lists_a_fault_that_still_holds_an_endpoint_up():
    """Its id is needed to clear it."""
    faults = Faults()
    fault = Fault(kind="endpoint-stuck")
    faults.add(fault)
    faults.take("endpoint-stuck", "any", "CreateEndpoint")
    assert faults.describe() == []
    held = threading.Thread(target=faults.wait_until_cleared, args=[fault, 30])
    held.start()
    until(faults.describe)
    assert [each["id"] for each in faults.describe()] == [fault.id]
    faults.remove(fault.id)
    held.join(5)
    assert faults.describe() == []


COUNTS = "count of a fault: {}; 1 or more, or -1 for ever"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "flood"}, "unknown kind of fault 'flood'; known: training-"),
        ({"kind": ["throttling"]}, r"unknown kind of fault \['throttling'\]; known:"),
        (
            {"kind": "throttling", "nmae": "x"},
            "unknown key of a fault: nmae; did you mean 'name'",
        ),
        ({}, "a fault needs a kind"),
        (["throttling"], "a fault is an object"),
        ({"kind": "throttling", "count": 0}, COUNTS.format("0")),
        ({"kind": "throttling", "count": -2}, COUNTS.format("-2")),
        ({"kind": "throttling", "count": "3"}, COUNTS.format("'3'")),
        ({"kind": "throttling", "count": 1.5}, COUNTS.format("1.5")),
        ({"kind": "throttling", "count": True}, COUNTS.format("True")),
        ({"kind": "throttling", "name": 7}, "name of a fault: 7 is no text"),
        ({"kind": "endpoint-slow", "seconds": -1}, "seconds of a fault: -1; 0 or more"),
        ({"kind": "endpoint-slow", "seconds": "9"}, "seconds of a fault: '9'; 0 or"),
        ({"kind": "endpoint-slow", "seconds": float("inf")}, "seconds of a fault: inf"),
    ],
)
def test_refuses_a_fault_that_makes_no_sense(values, message):
    """A misspelt kind or key is named, and so is a value that means nothing."""
    with pytest.raises(ValueError, match=message):
        Fault.from_json(values)
