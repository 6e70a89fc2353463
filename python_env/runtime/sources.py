"""What becomes of a job's source: code, and the function to call; or the reason why there is none."""

import ast

import _pyexec_cells as cells
import _pyexec_denied_imports as denied_imports
import _pyexec_failures as failures
import _pyexec_hints as hints
import _pyexec_own_calls as own_calls
from _pyexec_report_kinds import INVALID_SCRIPT


class Refused(Exception):
    """Why there is nothing to run, or not with these arguments, as (report kind, text)."""


class Call:
    """In place of the code of a job that calls a function which was defined before it."""

    def __init__(self, name):
        self.name = name


def compiled(script, options, detail):
    """Returns (code, OwnCalls or None), or (Cell or Call, None). Raises Refused."""
    if options.is_call:
        return Call(script.called), None
    source, filename = script.source, script.filename
    what = "code" if options.is_cell else "script"

    def refuse_denied(tree):
        found = denied_imports.first_denied(tree, options.denied) if options.denied else None
        if found is not None:
            raise Refused(INVALID_SCRIPT, _refuse_import(source, *found, detail))

    try:
        if options.is_cell:
            return cells.Cell(source, filename, refuse_denied), None
        if options.denied:
            tree = compile(source, filename, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
            refuse_denied(tree)
            code = compile(tree, filename, "exec", dont_inherit=True)
        else:
            code = compile(source, filename, "exec", dont_inherit=True)
        return own_calls.watched(source, filename) or (code, None)
    except (SyntaxError, ValueError, OverflowError, RecursionError) as error:
        if detail is not None:
            detail += failures.of_syntax(error, source)
        hint = hints.for_notebook(error) if options.is_cell else ""
        raise Refused(INVALID_SCRIPT, f"Syntax error in {what}: {error}{hint}") from None
    except MemoryError:  # the parser's stack, or the job's memory: it does not tell
        raise Refused(INVALID_SCRIPT, f"Syntax error in {what}: too complex for the memory of a job") from None


def function_of(script, code, calls, names):
    """Returns what to call and its name, once `code` has run with the names. Raises Refused, or what the script does."""
    if type(code) is Call:
        name = code.name
        if name not in names:
            defined = sorted(key for key, value in names.items() if callable(value) and key[:1] != "_")[:20]
            there = ", ".join(defined) or "nothing to call"
            raise Refused(INVALID_SCRIPT, f"'call' names {name!r}, which nothing has defined; there is: {there}")
    else:
        name = "main"
        try:
            exec(code, names)
        except SystemExit as stop:
            if calls is None or not calls.is_end(stop):
                raise
        if name not in names:
            raise Refused(INVALID_SCRIPT, "Script must contain a main() function" + hints.for_snippet(script.source))
    called = names[name]
    if not callable(called):
        raise Refused(INVALID_SCRIPT, f"{name!r} must be a function, not {type(called).__name__}")
    return called, name


def _refuse_import(source, name, line, offset, detail):
    text = f"importing {name!r} is not allowed by this service (line {line})"
    if detail is not None:
        detail += failures.of_import(text, source, line, offset)
    return text
