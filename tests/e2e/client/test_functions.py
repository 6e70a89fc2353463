"""Functions that are sent as their source: what works, and what is refused before it is sent."""

import functools
import json as text_format
import math

import pyexec
import pytest

LIMIT = 3


def plain(a, b=2):
    return a + b


def imports_inside(values):
    import statistics

    return statistics.mean(values)


def helper(n):
    return n * 10


def needs_helper(n):
    return helper(n) + 1


def recursive(n):
    return 1 if n == 0 else n * recursive(n - 1)


def annotated(frame: "math.nothing", size: text_format.JSONDecoder = None) -> text_format.JSONEncoder:
    return [frame, size]


async def asynchronous(n):
    return n


def has_inner(n):
    def inner(m):
        return n + m

    class Box:
        value = n

    return inner(1) + Box.value + sum(math_ for math_ in [1, 2]) + len([i for i in range(n)])


def uses_module():
    return text_format.dumps(1)


def uses_global():
    return LIMIT


def uses_nothing():
    return undefined_name  # noqa: F821


def uses_in_default(n=LIMIT):
    return n


def uses_in_inner():
    return [text_format.dumps(i) for i in range(2)]


def attribute_named_like_a_global(value):
    return value.LIMIT if hasattr(value, "LIMIT") else str(value).upper()


def main(n):
    return n + 1


def uses_main(n):
    return main(n) * 2


def counts():
    global counter
    counter += 1
    return counter


def global_of_its_own():
    global counted
    counted = 1
    return counted


@functools.lru_cache(maxsize=None)
def cached(n):
    return n


def unchanged(function):
    return function


def wrapping(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args)

    return inner


@wrapping
def wrapped(n):
    return n


@unchanged
def decorated(n):
    return n


class Thing:
    def method(self):
        return 1

    @staticmethod
    def static():
        return 1


@pytest.mark.parametrize(
    "function, args, needs, result",
    [
        (plain, [1], [], 3),
        (imports_inside, [[1, 3]], [], 2),
        (needs_helper, [4], [helper], 41),
        (recursive, [5], [], 120),
        (annotated, [1], [], [1, None]),
        (asynchronous, [7], [], 7),
        (has_inner, [2], [], 2 + 1 + 2 + 3 + 2),
        (attribute_named_like_a_global, ["a"], [], "A"),
        (global_of_its_own, [], [], 1),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_function_runs_there_as_it_does_here(client, function, args, needs, result):
    assert client.run(function, *args, needs=needs).result == result


def test_a_function_takes_arguments_by_position_and_by_name(client):
    assert client.run(plain, 1, kwargs={"b": 5}).result == 6
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        client.run(plain, 1, kwargs={"c": 5})


def test_a_nested_function_without_variables_of_the_outer_one_is_sent(client):
    def nested(n):
        """Its source is
less indented within its text."""
        return [n, """one
  two"""]

    assert client.run(nested, 1).result == nested(1)


@pytest.mark.parametrize(
    "function, said",
    [
        (lambda n: n, "lambda"),
        (Thing().method, "method"),
        (Thing.method, "method"),
        (Thing.static, "method"),
        (Thing, "type and no function"),
        (functools.partial(plain, 1), "partial"),
        (len, "builtin_function"),
        (cached, "no function that was written with def"),
        (decorated, "decorator"),
        (wrapped, "decorator"),
        (uses_main, "the service calls what it runs main"),
        (counts, "counter, which is not defined"),
        (uses_module, r"module text_format: import it inside the function \(import json as text_format\)"),
        (uses_in_inner, "module text_format"),
        (uses_global, "the global LIMIT, which does not go along: pass it as an argument"),
        (uses_in_default, "LIMIT"),
        (uses_nothing, "undefined_name, which is not defined"),
        (needs_helper, r"the function helper: send it along \(needs=\[helper\]\)"),
    ],
    ids=str,
)
def test_what_would_fail_there_is_refused_here(function, said):
    client = pyexec.Client("http://127.0.0.1:1")
    with pytest.raises(TypeError, match=said):
        client.run(function)
    with pytest.raises(TypeError, match=said):
        client.map(function, [1])


def other_helper():
    def helper(n):
        return n

    return helper


@pytest.mark.parametrize(
    "function, needs, said",
    [
        (uses_main, [main], "the service calls what it runs main"),
        (needs_helper, [helper, other_helper()], "two functions that are sent are named helper"),
        (needs_helper, helper, "needs is a list"),
        (needs_helper, "helper", "needs is a list"),
    ],
    ids=str,
)
def test_needs_that_would_take_the_place_of_others_are_refused(function, needs, said):
    client = pyexec.Client("http://127.0.0.1:1")
    with pytest.raises(TypeError, match=said):
        client.run(function, 1, needs=needs)
    with pytest.raises(TypeError, match=said):
        client.map(function, [1], needs=needs)


def test_a_function_named_main_is_sent_as_it_is(client):
    assert client.run(main, 1).result == 2


def test_a_closure_is_refused_and_its_variables_are_named():
    secret = 1

    def closure():
        return secret

    with pytest.raises(TypeError, match="secret of the function around it"):
        pyexec.Client("http://127.0.0.1:1").run(closure)


def test_a_function_that_was_typed_in_has_no_source():
    space = {}
    exec("def typed(n): return n", space)
    with pytest.raises(TypeError, match="no source that can be read"):
        pyexec.Client("http://127.0.0.1:1").run(space["typed"])


def test_a_function_may_use_tools_and_what_its_template_has(client):
    def asks(n):
        return query(n) + 1  # noqa: F821

    def shared():
        return table["a"]  # noqa: F821

    assert client.run(asks, 1, tools={"query": lambda n: n * 100}).result == 101
    with pytest.raises(TypeError, match="query"):
        client.run(asks, 1)
    template = client.template("table = {'a': 5}")
    assert template.run(shared).result == 5
    template.delete()
