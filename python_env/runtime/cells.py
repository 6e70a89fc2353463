"""Cells: code as it is typed into a notebook. It runs as `__main__`, may await at its top level, and the value of its
last expression is its result.
"""

import ast
import inspect
import sys
import types

import _pyexec_failures as failures
import _pyexec_own_calls as own_calls

REPR_BYTES = 64 << 10  # a longer text loses its middle
# Levels of a tree that is made into code. Python's own limit for that, 1000 here, is below that of source.
MOST_LEVELS = 3000

_class_name = type.__dict__["__name__"].__get__  # whatever its metaclass says


class Cell:
    """body: code of all but the last expression; last: code of that. Either may be None. leaves_main: whether it only
    defines a main(), and its last statement has no value.
    """

    def __init__(self, source, filename, look):
        """look: is called with the tree first. Raises what compile() raises."""
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, MOST_LEVELS))
        try:
            tree = compile(source, filename, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
            look(tree)
            self._compile(source, tree, filename)
        finally:
            sys.setrecursionlimit(limit)

    def _compile(self, source, tree, filename):
        self.body = self.last = None
        has_value = tree.body and isinstance(tree.body[-1], ast.Expr) and not source.rstrip().endswith(";")
        last = tree.body.pop() if has_value else None
        self.leaves_main = last is None and any(map(_is_main, tree.body)) and own_calls.mentions_of_main(source) == 1
        if tree.body:
            self.body = _compiled(tree, filename, "exec")
        if last is not None:
            self.last = _compiled(ast.Expression(last.value), filename, "eval")

    def value(self, namespace, run_coroutine):
        """Runs it. run_coroutine: runs one in a loop of its own, to its end."""
        if _awaits(self.body) or _awaits(self.last):
            return run_coroutine(self._awaited(namespace))
        if self.body is not None:
            exec(self.body, namespace)
        value = None if self.last is None else eval(self.last, namespace)
        return run_coroutine(value) if isinstance(value, types.CoroutineType) else value

    async def _awaited(self, namespace):
        value = None
        for code in (self.body, self.last):
            value = None if code is None else eval(code, namespace)
            if isinstance(value, types.CoroutineType):
                value = await value
        return value


def shown(value):
    """UTF-8 of the value's repr(), of at most REPR_BYTES; None for None. Never raises."""
    if value is None:
        return None
    try:
        text = repr(value)
    except BaseException as error:  # it is the script's, and can do anything
        text = f"<{_class_name(type(value))}: its repr() raised {_class_name(type(error))}>"
    return failures.bounded(text, REPR_BYTES)


def _is_main(statement):
    return isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) and statement.name == "main"


def _compiled(tree, filename, mode):
    return compile(tree, filename, mode, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


def _awaits(code):
    return code is not None and bool(code.co_flags & inspect.CO_COROUTINE)
