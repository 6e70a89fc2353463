"""Cells: code as it is typed into a notebook. It runs as `__main__`, may await at its top level, and the value of its
last expression is its result.
"""

import ast
import inspect
import types

import _pyexec_failures as failures

REPR_BYTES = 64 << 10  # a longer text loses its middle


class Cell:
    """body: code of all but the last expression; last: code of that. Either may be None."""

    def __init__(self, tree, filename):
        self.body = self.last = None
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        if tree.body:
            self.body = _compiled(tree, filename, "exec")
        if last is not None:
            self.last = _compiled(ast.Expression(last.value), filename, "eval")

    def value(self, namespace, run_coroutine):
        """Runs it. run_coroutine: runs one in a loop of its own, to its end."""
        if self.body is not None and _awaits(self.body):
            return run_coroutine(self._awaited(namespace))
        if self.body is not None:
            exec(self.body, namespace)
        value = None if self.last is None else eval(self.last, namespace)
        return run_coroutine(value) if isinstance(value, types.CoroutineType) else value

    async def _awaited(self, namespace):
        await eval(self.body, namespace)
        value = None if self.last is None else eval(self.last, namespace)
        return await value if isinstance(value, types.CoroutineType) else value


def parse(source, filename):
    """The tree of a cell. Raises what compile() raises."""
    return compile(source, filename, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


def shown(value):
    """UTF-8 of the value's repr(), of at most REPR_BYTES; None for None. Never raises."""
    if value is None:
        return None
    try:
        return failures.bounded(repr(value), REPR_BYTES)
    except BaseException as error:  # it is the script's, and can do anything
        return f"<{type(value).__name__}: its repr() raised {type(error).__name__}>".encode("utf-8", "backslashreplace")


def _compiled(tree, filename, mode):
    return compile(tree, filename, mode, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


def _awaits(code):
    return bool(code.co_flags & inspect.CO_COROUTINE)
