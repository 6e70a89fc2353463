"""The operator's list of modules that scripts are not to import. A policy, and no boundary: it reads the script, and a
script has other ways to a module than to name it (sys.modules, a computed name, a file of its own). What a script
must not be able to do, the jail denies.
"""

import ast

_BY_NAME = ("__import__", "import_module")


def first_denied(tree, denied):
    """(module, line, offset in bytes of the line) of the first import in the script of a denied module, or of a module
    inside one; or None."""
    found = (
        (node.lineno, node.col_offset, name)
        for node in ast.walk(tree)
        for name in _imported(node)
        if any(name == module or name.startswith(module + ".") for module in denied)
    )
    first = min(found, default=None)
    return None if first is None else (first[2], first[0], first[1])


def _imported(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    if isinstance(node, ast.Call):
        called = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
        values = [*node.args[:1], *(keyword.value for keyword in node.keywords if keyword.arg == "name")]
        if called in _BY_NAME:
            return [value.value for value in values if isinstance(value, ast.Constant) and isinstance(value.value, str)]
    return []
