"""What main() of an endpoint takes: the schema of its signature, and which arguments are of its types."""

import enum
import typing

import pytest

from conftest import sys

endpoints = sys.modules["_pyexec_endpoints"]


class Color(enum.Enum):
    red, one = "r", 1


class Number(enum.IntEnum):
    one, two = 1, 2


def schema(annotation):
    return endpoints.schema_of(annotation)


def problem(value, annotation):
    return endpoints.problem_with(value, annotation)


# annotation: its schema, values that are of it, values that are not
KINDS = {
    "int": (int, {"type": "integer"}, [0, -1, 10**40], [1.0, True, "1", None, []]),
    "float": (float, {"type": "number"}, [0, 1.5, -1, 10**40], [True, "1", None]),
    "str": (str, {"type": "string"}, ["", "é ☃"], [1, None, ["a"], True]),
    "bool": (bool, {"type": "boolean"}, [True, False], [0, 1, "true", None]),
    "None": (None, {"type": "null"}, [None], [0, "", False]),
    "NoneType": (type(None), {"type": "null"}, [None], [0]),
    "list": (list, {"type": "array"}, [[], [1, "a"]], [{}, "a", None]),
    "dict": (dict, {"type": "object"}, [{}, {"a": 1}], [[], "a", None]),
    "list[int]": (list[int], {"type": "array", "items": {"type": "integer"}}, [[], [1, 2]], [["a"], [1, None], 1, {}]),
    "List": (typing.List[str], {"type": "array", "items": {"type": "string"}}, [["a"]], [[1]]),
    "nested": (list[list[int]], {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}, [[[1], []]], [[1], [["a"]]]),
    "set[str]": (set[str], {"type": "array", "items": {"type": "string"}}, [["a", "a"]], [[1], "a"]),
    "tuple[int, ...]": (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}, [[], [1, 2, 3]], [["a"], 1]),
    "dict[str, int]": (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}, [{}, {"a": 1}], [{"a": "b"}, []]),
    "dict of lists": (dict[str, list[bool]], {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "boolean"}}}, [{"a": [True]}], [{"a": [1]}, {"a": True}]),
    "Optional": (typing.Optional[int], {"anyOf": [{"type": "integer"}, {"type": "null"}]}, [1, None], ["a", 1.5]),
    "int | str": (int | str, {"anyOf": [{"type": "integer"}, {"type": "string"}]}, [1, "a"], [1.5, None, True]),
    "Union": (typing.Union[list[int], dict], {"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "object"}]}, [[1], {}], [["a"], 1]),
    "Literal": (typing.Literal["a", 2, None], {"enum": ["a", 2, None]}, ["a", 2, None], ["b", 3, "2", []]),
    "Enum": (Color, {"enum": ["r", 1]}, ["r", 1], ["red", 2, None, []]),
    "IntEnum": (Number, {"enum": [1, 2]}, [1, 2], [3, "1"]),
    "Annotated": (typing.Annotated[int, "how many"], {"type": "integer", "description": "how many"}, [1], ["a"]),
    "Annotated without a text": (typing.Annotated[int, 5], {"type": "integer"}, [1], ["a"]),
    "Annotated of Optional": (typing.Annotated[int | None, 5, "one", "two"], {"anyOf": [{"type": "integer"}, {"type": "null"}], "description": "one"}, [1, None], ["a"]),
    "list of Annotated": (list[typing.Annotated[int, "x"]], {"type": "array", "items": {"type": "integer", "description": "x"}}, [[1]], [["a"]]),
    "Any": (typing.Any, {}, [1, None, [], {}], []),
    "object": (object, {}, [1, None, []], []),
    "another class": (pytest.Item, {}, [1, {}], []),
    "nothing": (endpoints.MISSING, {}, [1, None], []),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_of_an_annotation(kind):
    annotation, expected, _, _ = KINDS[kind]
    assert schema(annotation) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_values_of_an_annotation(kind):
    annotation, _, good, bad = KINDS[kind]
    assert [value for value in good if problem(value, annotation) is not None] == []
    assert [value for value in bad if problem(value, annotation) is None] == []


@pytest.mark.parametrize("annotation", [typing.Literal["a", 1], Color, Number])
def test_true_is_no_number_where_values_are_listed(annotation):
    assert problem(1, annotation) is None
    assert problem(True, annotation) is not None


def test_a_truth_value_that_is_listed():
    assert problem(True, typing.Literal[True, "a"]) is None
    assert problem(1, typing.Literal[True, "a"]) is not None


def test_a_tuple_of_several_types():
    assert problem([1, "a"], tuple[int, str]) is None
    assert problem(["a", 1], tuple[int, str]) is not None
    assert [problem(value, tuple[int, str]) for value in ([1], [1, "a", 2], "a", [1, 2])] == [
        "an array of 2", "an array of 2", "an array of 2", "an array of 2, with a string"]
    assert schema(tuple[int, str]) == {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "minItems": 2, "maxItems": 2}


@pytest.mark.parametrize(("annotation", "words"), [
    (int, "a whole number"), (float, "a number"), (str, "a string"), (bool, "true or false"), (None, "null"), (list, "an array"), (dict, "an object"),
    (int | str, "a whole number or a string"), (typing.Optional[int], "a whole number or null"), (int | list[int] | None, "a whole number or an array or null"),
    (typing.Literal["a", 2], "one of 'a', 2"), (Color, "one of 'r', 1"), (typing.Annotated[int, "x"], "a whole number"),
])
def test_a_problem_in_words(annotation, words):
    assert problem(object(), annotation) == words


def test_a_problem_of_an_item_in_words():
    assert problem([1, "a"], list[int]) == "an array, each a whole number"
    assert problem({"k": "a"}, dict[str, int]) == "an object, each a whole number"


# Of a function

def described(code):
    names = {}
    exec(code, names)
    return endpoints.described(names["main"])


def properties(code):
    return described(code)["input_schema"]["properties"]


def test_a_function_without_parameters():
    assert described("def main(): pass") == {"description": "", "input_schema": {"type": "object", "properties": {}, "additionalProperties": False}}


def test_required_are_those_without_a_default():
    got = described("def main(a, b=1, *, c, d=None): pass")["input_schema"]
    assert (got["required"], list(got["properties"]), got["additionalProperties"]) == (["a", "c"], ["a", "b", "c", "d"], False)


@pytest.mark.parametrize("default", ["'x'", "5", "1.5", "True", "''", "0"])
def test_a_plain_default_is_told(default):
    assert properties(f"def main(a={default}): pass") == {"a": {"default": eval(default)}}


@pytest.mark.parametrize("default", ["None", "[]", "{}", "object()", "(1,)", "float"])
def test_another_default_is_not_told_and_makes_it_optional(default):
    got = described(f"def main(a={default}): pass")["input_schema"]
    assert (got["properties"], "required" in got) == ({"a": {}}, False)


def test_any_other_names_are_taken_where_the_function_takes_them():
    assert described("def main(a, **rest: int): pass")["input_schema"] == {"type": "object", "properties": {"a": {}}, "additionalProperties": True, "required": ["a"]}


@pytest.mark.parametrize(("parameters", "name"), [("a, /", "a"), ("a, /, b", "a"), ("*a", "a"), ("b, *rest", "rest")])
def test_parameters_without_a_name_are_refused(parameters, name):
    with pytest.raises(TypeError, match=f"'{name}'"):
        described(f"def main({parameters}): pass")
    described(f"def main({parameters.replace('*', '').replace(', /', '')}): pass")


@pytest.mark.parametrize("value", ["5", "None", "'main'", "[]"])
def test_what_is_no_function_is_refused(value):
    with pytest.raises(TypeError, match="main must be a function"):
        described(f"main = {value}")


def test_the_docstring_is_the_description_without_its_indent():
    assert described('def main():\n    """One.\n\n    Two:\n      three ☃\n    """')["description"] == "One.\n\nTwo:\n  three ☃"


def test_an_async_function_and_a_decorated_one():
    assert properties("async def main(a: int): pass") == {"a": {"type": "integer"}}
    wrapped = "import functools\ndef deco(f):\n    @functools.wraps(f)\n    def g(*a, **k): return f(*a, **k)\n    return g\n@deco\ndef main(a: int): 'Doc.'"
    assert described(wrapped)["description"] == "Doc."
    assert properties(wrapped) == {"a": {"type": "integer"}}


def test_annotations_that_are_text():
    code = "from __future__ import annotations\nfrom typing import Literal\ndef main(a: int, b: list[str] | None = None, c: Literal['x'] = 'x'): pass"
    assert properties(code) == {"a": {"type": "integer"}, "b": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]}, "c": {"enum": ["x"], "default": "x"}}
    assert properties("def main(a: 'int'): pass") == {"a": {"type": "integer"}}


def test_a_name_that_nothing_defines_takes_anything():
    assert properties("def main(a: 'Nothing', b: 'int' = 1): pass") == {"a": {}, "b": {"type": "integer", "default": 1}}
    code = "from __future__ import annotations\ndef main(a: Nothing, b: list[Nothing], c: int): pass"
    assert properties(code) == {"a": {}, "b": {}, "c": {"type": "integer"}}
    assert endpoints.mismatch(lambda a: a, {"a": object()}) is None


# Arguments of a call

def test_a_mismatch_names_the_parameter_and_the_value():
    def main(count: int, names: list[str] = ()):
        """Never called."""

    assert endpoints.mismatch(main, {"count": "x"}) == "argument 'count' must be a whole number, not 'x'"
    assert endpoints.mismatch(main, {"count": 1, "names": ["a", 5]}) == "argument 'names' must be an array, each a string, not ['a', 5]"
    assert endpoints.mismatch(main, {"count": 1, "names": ["a"]}) is None
    assert endpoints.mismatch(main, {}) is None  # what is missing is found by the call


def test_a_whole_number_may_be_written_with_a_point():
    def main(a: int, b: float, c=None):
        """Never called."""

    arguments = {"a": 2.0, "b": 2, "c": 2.0}
    assert endpoints.mismatch(main, arguments) is None
    assert [(value, type(value)) for value in arguments.values()] == [(2, int), (2, int), (2.0, float)]
    for other in (2.5, True):
        assert endpoints.mismatch(main, {"a": other}) is not None


def test_a_class_and_a_partial_have_the_types_of_their_parameters():
    assert properties("class main:\n    def __init__(self, a: int): pass") == {"a": {"type": "integer"}}
    partial = "import functools\ndef f(a: int, b: str): pass\nmain = functools.partial(f, b='x')"
    assert properties(partial) == {"a": {"type": "integer"}, "b": {"type": "string", "default": "x"}}


def test_a_long_value_is_cut_in_words():
    def main(a: int):
        """Never called."""

    told = endpoints.mismatch(main, {"a": "x" * 10_000})
    assert told.startswith("argument 'a' must be a whole number, not 'xxx") and told.endswith("...") and len(told) < 200


def test_arguments_of_any_other_name_are_of_the_type_that_they_all_have():
    def main(a: str, **rest: int):
        """Never called."""

    assert endpoints.mismatch(main, {"a": "x", "b": 1, "rest": 2}) is None
    assert endpoints.mismatch(main, {"a": "x", "b": "y"}) == "argument 'b' must be a whole number, not 'y'"
