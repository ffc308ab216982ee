"""The example of a request is a request that works."""

import ast
import shlex

from lifecycle.invocation import Golden
from lifecycle.serving.example_request import example_request


def sent(text: str) -> tuple[str, dict[str, str]]:
    """Return the body that the example in Python sends, and its other arguments."""
    python = text.partition("\n# the same")[0]
    calls = [one for one in ast.walk(ast.parse(python)) if isinstance(one, ast.Call)]
    call = next(one for one in calls if one.keywords)
    given = {one.arg: one.value for one in call.keywords}
    body = ast.unparse(given.pop("Body"))
    return body, {str(name): ast.literal_eval(one) for name, one in given.items()}


def test_raw_records_are_sent_in_json() -> None:
    """In Python by its words, in a shell quoted."""
    record = {"name": "O'Neill ü", "age": None, "alive": True}
    text = example_request("toy", Golden(rows=[record], predictions=[0.5]))
    body, given = sent(text)
    assert ast.literal_eval(body.removeprefix("json.dumps(")[:-1]) == record
    assert given["ContentType"] == given["Accept"] == "application/json"
    words = shlex.split(text.rpartition("aws ")[2])
    assert words[words.index("--body") + 1] == (
        '{"name": "O\'Neill ü", "age": null, "alive": true}'
    )


def test_features_are_sent_in_csv() -> None:
    """The example names them in their order."""
    golden = Golden(rows=[[1.5, float("nan")]], predictions=[2], columns=["a", "b"])
    text = example_request("toy", golden)
    body, given = sent(text)
    assert (ast.literal_eval(body), given["ContentType"]) == ("1.5,", "text/csv")
    assert text.startswith("# predicts 2, of a, b\nimport boto3\n")


def test_a_version_without_golden_records_has_no_example() -> None:
    """Another tool registered it."""
    assert "without golden records" in example_request("toy", None)
