"""What becomes of a job's source: code, or the reason why it has none."""

import ast

import _pyexec_cells as cells
import _pyexec_denied_imports as denied_imports
import _pyexec_failures as failures
import _pyexec_hints as hints
import _pyexec_own_calls as own_calls
from _pyexec_report_kinds import INVALID_SCRIPT


class Refused(Exception):
    """Why there is nothing to run, or not with these arguments, as (report kind, text)."""


def compiled(script, options, detail):
    """Returns (code, OwnCalls or None), or (Cell, None). Raises Refused."""
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


def _refuse_import(source, name, line, offset, detail):
    text = f"importing {name!r} is not allowed by this service (line {line})"
    if detail is not None:
        detail += failures.of_import(text, source, line, offset)
    return text
