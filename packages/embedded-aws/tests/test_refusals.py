"""Parameters: each is implemented, stored or refused by name, as a table says."""

import ast
import inspect
import tomllib
from pathlib import Path

import botocore
import pytest
from botocore.model import ListShape, MapShape, StructureShape
from embedded_aws.parameter_table import SERVICES, table
from embedded_aws.refusals import (
    OTHERS,
    REFUSED,
    input_of,
    reason_of,
    refusal,
    rows,
    treatments_of,
)
from embedded_aws.sagemaker.parameters import PRETENDED, RECORDED, SAGEMAKER
from embedded_aws.sagemaker.responses import Response
from moto.core.utils import camelcase_to_underscores, get_service_model
from moto.sagemaker.responses import SageMakerResponse

TABLE = Path(__file__).parents[1] / "PARAMETERS.md"
SERVED = [
    (service, action)
    for service in SERVICES.values()
    for action in service.actions
    # A form of a web page has no model.
    if action != "PostObject"
]


def test_the_table_is_complete():
    """`python -m embedded_aws.parameter_table > PARAMETERS.md` writes it again.

    A newer botocore knows more, so the extra `test` installs the one of the table.
    """
    project = tomllib.loads(TABLE.with_name("pyproject.toml").read_text())
    needed = project["project"]["optional-dependencies"]["test"]
    assert f"botocore=={botocore.__version__}" in needed
    assert TABLE.read_text() == table()


def test_every_action_that_is_answered_has_rules():
    """So no action answers that the table does not have, but for what is refused."""
    names = {
        operation
        for operation in get_service_model("sagemaker").operation_names
        if camelcase_to_underscores(operation) in dir(Response)
    }
    refused = {name for name in names if any(what in name for what in PRETENDED)}
    assert names - refused == {*SAGEMAKER.actions}


def test_rules_name_what_there_is():
    """Every path, and every value, is one of the model's; none is named twice."""
    for service, action in SERVED:
        paths = [
            path
            for treatment, listed in service.actions[action].items()
            for path in listed.split()
            if treatment != OTHERS
        ]
        assert len(paths) == len(set(paths)), action
        for path in paths:
            name, _, value = path.partition("=")
            shape = member_at(service, action, name)
            while isinstance(shape, ListShape):
                shape = shape.member
            assert not value or value in shape.enum, action


def member_at(service, action, path):
    """Return the shape of a parameter."""
    shape = input_of(service, action)
    for name in path.split("."):
        while isinstance(shape, ListShape):
            shape = shape.member
        assert name in shape.members, (action, path)
        shape = shape.members[name]
    return shape


def value_of(shape, depth=3):
    """Make a value that asks for something."""
    if isinstance(shape, StructureShape) and depth:
        members = shape.members.items()
        return {name: value_of(member, depth - 1) for name, member in members}
    if isinstance(shape, ListShape):
        return [value_of(shape.member, depth)]
    if isinstance(shape, MapShape):
        return {"key": value_of(shape.value, depth)}
    enum = getattr(shape, "enum", None)
    values = {"string": "text", "boolean": True}
    return enum[0] if enum else values.get(shape.type_name, 1)


def test_what_the_table_says_becomes_of_a_request():
    """A refused parameter is named, with the reason; the others pass."""
    everything = (
        (service, action, *row)
        for service, action in SERVED
        for row in rows(service, action)
    )
    for service, action, path, treatment in everything:
        name, _, value = path.partition("=")
        *outer, last = name.split(".")
        request = {last: value or value_of(member_at(service, action, name))}
        for parent in reversed(outer):
            request = {parent: [request]}
        text = refusal(service, action, request)
        if treatment == REFUSED:
            assert f"does not implement {path}" in text, action
            assert reason_of(service, path) in text, action
        else:
            assert text == "", (action, path)


def test_what_asks_for_nothing_is_not_refused():
    """A client may say that it does not want what is not implemented."""
    request = {
        "CheckpointConfig": {},
        "RemoteDebugConfig": {"EnableRemoteDebug": False},
        "ResourceConfig": {"KeepAlivePeriodInSeconds": 0, "InstanceGroups": []},
    }
    assert refusal(SAGEMAKER, "CreateTrainingJob", request) == ""


def test_what_no_rule_names_is_refused():
    """A newer model may have more, and its clients are not misled."""
    text = refusal(SAGEMAKER, "DescribeModel", {"ModelName": "m", "Version": 2})
    assert text == "The embedded AWS does not implement Version."


def test_rules_of_records_are_those_of_moto():
    """What a method of moto does not read is what the rules refuse."""
    source = ast.parse(inspect.getsource(SageMakerResponse)).body[0].body
    methods = {each.name: each for each in source if isinstance(each, ast.FunctionDef)}
    for action in RECORDED:
        own = getattr(Response, camelcase_to_underscores(action))
        if "embedded_aws" in own.__module__:
            continue
        read = {
            node.args[0].value
            for node in ast.walk(methods[camelcase_to_underscores(action)])
            if isinstance(node, ast.Call)
            and getattr(node.func, "attr", "").startswith("_get_")
        }
        ignored = set(input_of(SAGEMAKER, action).members) - read
        # A call that is repeated with its token is refused as one too many.
        assert set(RECORDED[action].split()) == ignored - {"ClientRequestToken"}


@pytest.mark.parametrize(
    "action",
    ["CreateProcessingJob", "StartPipelineExecution", "CreateDomain", "ListClusters"],
)
def test_what_moto_only_pretends_is_not_implemented(action):
    """The reason says what is not there."""
    with pytest.raises(
        NotImplementedError, match=r"not been implemented: .* (no|not) "
    ):
        treatments_of(SAGEMAKER, action)
