"""Filters, order and pages of the List actions, which all resources share."""

from datetime import datetime, timedelta

import pytest
from embedded_aws.sagemaker.resources import Resource, page
from moto.sagemaker.exceptions import ValidationError

START = datetime(2026, 1, 1)


def resources(*names):
    """Make resources, each a minute younger than the one before."""
    return [
        Resource(
            name=name,
            arn=f"arn:thing/{name}",
            request={},
            creation_time=START + timedelta(minutes=number),
            last_modified_time=START + timedelta(minutes=number),
            status="InService" if number % 2 else "Failed",
        )
        for number, name in enumerate(names)
    ]


def names(found):
    """Give the names of a page."""
    return [each.name for each in found[0]]


def test_orders_by_creation_time_and_on_request_by_name():
    """The newest comes first, unless the request says otherwise."""
    things = resources("b", "c", "a")
    assert names(page(things, {})) == ["a", "c", "b"]
    assert names(page(things, {}, order="Ascending")) == ["b", "c", "a"]
    request = {"SortBy": "Name", "SortOrder": "Ascending"}
    assert names(page(things, request)) == ["a", "b", "c"]


def test_filters_by_name_status_and_time():
    """All filters that lists have in common narrow the page."""
    things = resources("abalone", "churn", "Abalone-2")
    assert names(page(things, {"NameContains": "ABA"})) == ["Abalone-2", "abalone"]
    assert names(page(things, {"StatusEquals": "InService"})) == ["churn"]
    after, before = {"CreationTimeAfter": START}, {"CreationTimeBefore": START}
    assert names(page(things, after)) == ["Abalone-2", "churn"]
    assert names(page(things, before)) == []


def test_pages_meet_every_resource_once_while_some_are_deleted():
    """Deleting what a page has shown makes the next page miss nothing."""
    things = resources(*"abcdefg")
    seen, token = [], None
    for _ in range(4):
        request = {"MaxResults": 2} | ({"NextToken": token} if token else {})
        found, token = page(things, request)
        seen += [each.name for each in found]
        things = [each for each in things if each not in found]
    assert seen == list("gfedcba")
    assert token is None


def test_the_next_page_comes_also_when_its_first_resource_is_deleted():
    """A token does not depend on a resource that another client may delete."""
    things = resources(*"abcd")
    _, token = page(things, {"MaxResults": 2})
    left = [each for each in things if each.name != "b"]
    found = page(left, {"MaxResults": 2, "NextToken": token})
    assert names(found) == ["a"]


def test_versions_made_at_once_are_ordered_by_number():
    """Version 10 comes after version 9, also when both are of the same moment."""
    things = [
        Resource(name="g", arn=f"arn:g/{n}", request={}, creation_time=START)
        for n in (10, 9)
    ]
    found, _ = page(things, {}, order="Ascending")
    assert [each.arn for each in found] == ["arn:g/9", "arn:g/10"]


def test_refuses_a_token_that_it_did_not_give():
    """A made-up token is refused."""
    with pytest.raises(ValidationError, match="Invalid pagination token"):
        page([], {"NextToken": "bad"})
