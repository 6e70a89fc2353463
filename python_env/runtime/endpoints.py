"""Scripts that are endpoints: what their main() takes, as a JSON schema, and whether arguments are of its types."""

import enum
import inspect
import json
import types
import typing

MISSING = inspect.Parameter.empty
_PLAIN = {int: "integer", float: "number", str: "string", bool: "boolean", type(None): "null", list: "array", dict: "object"}
_WORDS = {
    int: "a whole number", float: "a number", str: "a string", bool: "true or false", type(None): "null", list: "an array",
    dict: "an object",
}
_UNIONS = (typing.Union, types.UnionType)


def described(main):
    """The tool's description, and the schema of its arguments. Raises TypeError if it cannot take them by name."""
    if not callable(main):
        raise TypeError(f"main must be a function, not {type(main).__name__}")
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    required = []
    for name, parameter, annotation in _parameters(main):
        if parameter.kind is parameter.VAR_KEYWORD:
            schema["additionalProperties"] = True
            continue
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL):
            raise TypeError(f"main() has to take its arguments by name, and {name!r} has none")
        schema["properties"][name] = kind = schema_of(annotation)
        if parameter.default is MISSING:
            required.append(name)
        elif _has_json(parameter.default):
            kind["default"] = parameter.default
    if required:
        schema["required"] = required
    return {"description": inspect.getdoc(main) or "", "input_schema": schema}


def _has_json(value):
    """Whether a default can be told."""
    if type(value) not in (str, int, float, bool):
        return False
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode("utf-8")
    except ValueError:
        return False
    return True


def mismatch(main, kwargs):
    """Why main() cannot be called with these, in words that name the parameter; None if it can."""
    for name, parameter, annotation in _parameters(main):
        if parameter.kind is parameter.VAR_KEYWORD:
            taken = inspect.signature(main).parameters
            others = ((key, problem_with(value, annotation)) for key, value in kwargs.items() if key not in taken)
            for key, wanted in others:
                if wanted is not None:
                    return f"argument {key!r} must be {wanted}, not {_shown(kwargs[key])}"
        elif name in kwargs:
            if annotation is int and type(kwargs[name]) is float and kwargs[name].is_integer():
                kwargs[name] = int(kwargs[name])  # JSON has one kind of number
            wanted = problem_with(kwargs[name], annotation)
            if wanted is not None:
                return f"argument {name!r} must be {wanted}, not {_shown(kwargs[name])}"
    return None


def _parameters(main):
    names = getattr(inspect.unwrap(main), "__globals__", {})
    for name, parameter in inspect.signature(main).parameters.items():
        annotation = parameter.annotation
        if isinstance(annotation, str):
            try:
                annotation = eval(annotation, names)
            except Exception:  # a name that nothing has defined: anything will do
                annotation = MISSING
        try:
            hash(annotation)
        except TypeError:  # it is no type
            annotation = MISSING
        yield name, parameter, annotation


def _origin(annotation):
    return typing.get_origin(annotation), typing.get_args(annotation)


def schema_of(annotation):
    origin, inner = _origin(annotation)
    if origin is typing.Annotated:
        schema = schema_of(inner[0])
        texts = [note for note in inner[1:] if isinstance(note, str)]
        return {**schema, "description": texts[0]} if texts else schema
    if annotation is None or annotation in _PLAIN:
        return {"type": _PLAIN[type(None) if annotation is None else annotation]}
    if origin in _UNIONS:
        return {"anyOf": [schema_of(one) for one in inner]}
    if origin is typing.Literal:
        return {"enum": list(inner)}
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return {"enum": [one.value for one in annotation]}
    if _is_list(origin, inner):
        return {"type": "array", "items": schema_of(inner[0])} if inner else {"type": "array"}
    if origin is tuple:
        return {"type": "array", "prefixItems": list(map(schema_of, inner)), "minItems": len(inner), "maxItems": len(inner)}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema_of(inner[1])}
    return {}  # anything


def problem_with(value, annotation):
    """What it must be, in words, if it is something else; None if it is that."""
    origin, inner = _origin(annotation)
    if origin is typing.Annotated:
        return problem_with(value, inner[0])
    if origin in _UNIONS:
        problems = [problem_with(value, one) for one in inner]
        return None if None in problems else " or ".join(dict.fromkeys(problems))
    if annotation is None:
        annotation = type(None)
    if annotation is float:
        return None if type(value) in (int, float) else _WORDS[float]
    if annotation in _WORDS:
        return None if type(value) is annotation else _WORDS[annotation]
    if origin is typing.Literal:
        return None if _is_one_of(value, inner) else "one of " + ", ".join(map(repr, inner))
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        values = [one.value for one in annotation]
        return None if _is_one_of(value, values) else "one of " + ", ".join(map(repr, values))
    if _is_list(origin, inner):
        if type(value) is not list:
            return _WORDS[list]
        return _first("an array, each", [problem_with(item, inner[0]) for item in value] if inner else ())
    if origin is tuple:
        if type(value) is not list or len(value) != len(inner):
            return f"an array of {len(inner)}"
        return _first(f"an array of {len(inner)}, with", map(problem_with, value, inner))
    if origin is dict:
        if type(value) is not dict:
            return _WORDS[dict]
        return _first("an object, each", (problem_with(item, inner[1]) for item in value.values()))
    return None


def _is_list(origin, inner):
    return origin in (list, set, frozenset) or origin is tuple and (not inner or inner[-1] is ...)


def _is_one_of(value, values):
    """True is not 1 here."""
    return any(type(value) is type(one) and value == one for one in values)


def _first(words, problems):
    problem = next((one for one in problems if one is not None), None)
    return None if problem is None else f"{words} {problem}"


def _shown(value):
    text = repr(value)
    return text if len(text) <= 100 else text[:100] + "..."
