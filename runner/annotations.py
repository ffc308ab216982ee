"""The types a notebook parameter may have, and what fits them.

str, int, float, bool, list, dict, list[T], dict[str, T] and X | None.
"""

import ast
import math
import re
from typing import Any

import yaml

PLAIN = {"str": str, "int": int, "float": float, "bool": bool}
WORDS = {"true": True, "false": False, "null": None, "none": None, "~": None}
IN_WORDS = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list, as [1, 2]",
    "dict": "keys and values, as {key: 1}",
}
SUPPORTED = "str, int, float, bool, list, dict, list[str], dict[str, float], int | None"


def is_supported(annotation: str) -> bool:
    """Tell whether a parameter may be annotated like this."""
    try:
        return _is_supported(_parsed(annotation))
    except SyntaxError:
        return False


def fits(value: object, annotation: str) -> bool:
    """Tell whether a value has the annotated type; an int is fine for a float."""
    return _fits(value, _parsed(annotation))


def convert(text: str, annotation: str) -> object:
    """Read what was typed on a command line as the annotated type.

    A `str` stays the text it is; what cannot be read comes back as it is too.
    """
    return _convert(text, _parsed(annotation))


def literal(text: str) -> object:
    """Read a value as YAML would, without YAML 1.1's dates, octals and `on`."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return text
    return text if node is None else _from_yaml(node)


def in_words(annotation: str) -> str:
    """Say what fits an annotation to somebody who does not write Python."""
    return IN_WORDS.get(annotation, f"a value of type {annotation}")


def is_json(value: object) -> bool:
    """Tell whether a value is plain JSON."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_json(v) for key, v in value.items())
    if isinstance(value, list):
        return all(is_json(one) for one in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, str | int)


def _parsed(annotation: str) -> ast.expr:
    return ast.parse(annotation, mode="eval").body


def _is_supported(node: ast.expr) -> bool:
    match node:
        case ast.Name(id="str" | "int" | "float" | "bool" | "list" | "dict"):
            return True
        case ast.Constant(value=None):
            return True
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _is_supported(left) and _is_supported(right)
        case ast.Subscript(value=ast.Name(id="list"), slice=item):
            return _is_supported(item)
        case ast.Subscript(
            value=ast.Name(id="dict"), slice=ast.Tuple(elts=[ast.Name(id="str"), item])
        ):
            return _is_supported(item)
    return False


def _fits(value: object, node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=None):
            return value is None
        case ast.BinOp(left=left, right=right):
            return _fits(value, left) or _fits(value, right)
        case ast.Name(id="list"):
            return isinstance(value, list)
        case ast.Name(id="dict"):
            return isinstance(value, dict)
        case ast.Name(id=name):
            return _is_plain(value, name)
        case ast.Subscript(slice=ast.Tuple(elts=[_, item])):
            return isinstance(value, dict) and all(
                _fits(one, item) for one in value.values()
            )
        case ast.Subscript(slice=item):
            return isinstance(value, list) and all(_fits(one, item) for one in value)
    return False


def _is_plain(value: object, name: str) -> bool:
    if isinstance(value, bool):
        return name == "bool"
    if name == "float":
        return isinstance(value, int | float)
    return isinstance(value, PLAIN[name])


def _convert(text: str, node: ast.expr) -> object:
    match node:
        case ast.Name(id="str"):
            return text
        case ast.BinOp(left=left, right=right):
            found = [_convert(text, side) for side in (left, right)]
            # `str | None` and `int | str` fit any text: the narrower type wins.
            return next((one for one in found if not isinstance(one, str)), text)
        case ast.Subscript(slice=ast.Tuple(elts=[_, ast.Name(id="str")])):
            return _with_texts(text)
        case ast.Subscript(slice=ast.Name(id="str")):
            return _with_texts(text)
    found_one = literal(text)
    return found_one if _fits(found_one, node) else text


def _with_texts(text: str) -> object:
    """Read a list or dict of strings, in which `1.10` is no number."""
    try:
        return yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError:
        return text


def _from_yaml(node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return {key.value: _from_yaml(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_from_yaml(one) for one in node.value]
    quoted = isinstance(node, yaml.ScalarNode) and node.style is not None
    return node.value if quoted else _scalar(str(node.value))


def _scalar(text: str) -> object:
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text):
        return float(text)
    return text
