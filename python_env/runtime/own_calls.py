"""Scripts that call `main` themselves, as their last statement or through another function: it is to run once, and what
it returned is the result.

Such a script is compiled anew, with a call in front of what its `main` does and one around each value that it returns.
Those calls note that it ran, and what came of it. They are made by code, and leave no frame and no trace in the source.
"""

import ast
import builtins
import re
import types
import warnings

_HOOK = "__pyexec_main__"
_word = re.compile(r"\bmain\b")  # not of "__main__"
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
_OTHER_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_NOTHING = object()


class OwnCalls:
    """began: whether `main` ran. value: what it returned last; None where it raised, and the script went on."""

    began, value = False, None

    def __call__(self, value=_NOTHING):
        if value is _NOTHING:
            self.began, self.value = True, None
            return None
        if isinstance(value, types.CoroutineType):
            return self._awaited(value)
        self.value = value
        return value

    async def _awaited(self, coroutine):
        self.value = await coroutine
        return self.value

    def is_end(self, stop):
        """Whether a SystemExit ends a script that has run its `main` well, as in `sys.exit(main())`."""
        code = stop.code
        return self.began and (code is None or code is self.value or (type(code) is int and code == 0))


def mentions_of_main(source):
    """How often its name is in the source. 1 may be a part of another word: a regular expression costs a worker pages."""
    return len(_word.findall(source)) if source.count("main") > 1 else source.count("main")


def watched(source, filename):
    """(code, OwnCalls) of a script that may call its own `main`; None of any other. source: one that compiles."""
    if mentions_of_main(source) < 2:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # given when it was compiled for the first time
        try:
            return _watched(source, filename)
        except (MemoryError, RecursionError):  # of a tree that is deeper than text may be
            return None


def _watched(source, filename):
    tree = compile(source, filename, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
    if not any(map(_calls, tree.body)):
        return None
    found = [one for one in tree.body if isinstance(one, _DEFINITIONS[:2]) and one.name == "main"]
    if found:
        _watch(found[-1])
    elif not _watch_from_outside(tree):
        return None
    calls = OwnCalls()
    setattr(builtins, _HOOK, calls)  # not among the module's own names
    return compile(tree, filename, "exec", dont_inherit=True), calls


def _calls(statement):
    if isinstance(statement, _DEFINITIONS):
        return False
    return any(isinstance(node, ast.Call) for node in ast.walk(statement))


def _watch(function):
    if any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in _own_nodes(function)):
        return  # what it returns is a generator
    for node in list(_own_nodes(function)):
        if isinstance(node, ast.Return):
            node.value = _hook(node, [node.value or ast.copy_location(ast.Constant(None), node)])
    first, last = function.body[0], function.body[-1]
    is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    end = ast.copy_location(ast.Expr(_hook(last, [ast.copy_location(ast.Constant(None), last)])), last)
    begin = ast.copy_location(ast.Expr(_hook(first, [])), first)
    function.body[int(is_text) : int(is_text)] = [begin]
    if not isinstance(last, (ast.Return, ast.Raise)):
        function.body.append(end)


def _watch_from_outside(tree):
    """Of a `main` that is a class, a lambda, another module's: where the script's own statements call it by its name.
    Returns whether any does.
    """
    found = [node for node in _own_nodes(tree) if isinstance(node, ast.Call) and _is_main(node.func)]
    for call in found:
        begun = ast.copy_location(ast.BoolOp(ast.Or(), [_hook(call, []), _copy(call)]), call)
        call.func, call.args, call.keywords = ast.copy_location(ast.Name(_HOOK, ast.Load()), call), [begun], []
    return bool(found)


def _is_main(node):
    return isinstance(node, ast.Name) and node.id == "main"


def _copy(call):
    return ast.copy_location(ast.Call(call.func, call.args, call.keywords), call)


def _hook(place, arguments):
    name = ast.copy_location(ast.Name(_HOOK, ast.Load()), place)
    return ast.copy_location(ast.Call(name, arguments, []), place)


def _own_nodes(function):
    """Of its body, without that of functions and classes in it."""
    ahead = list(function.body)
    while ahead:
        node = ahead.pop()
        yield node
        if not isinstance(node, _OTHER_SCOPES):
            ahead.extend(ast.iter_child_nodes(node))
