"""AWS's own description of a request, as botocore carries it, checked in full: botocore itself looks at lower bounds
only, at no pattern and no closed set."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session

Troubles = Iterator[str]


@cache
def input_of(service: str, operation: str) -> Any:
    """The shape of an operation's parameters."""
    return botocore.session.get_session().get_service_model(service).operation_model(operation).input_shape


def model_troubles(value: Any, shape: Any, where: str) -> Troubles:
    """What of the value AWS's model does not allow."""
    check = _CHECKS.get(shape.type_name)
    if check is not None:
        yield from check(value, shape, where)


def _structure(value: Any, shape: Any, where: str) -> Troubles:
    if not isinstance(value, dict):
        yield f"{where}: is no structure"
        return
    yield from (f"{where}: {name} is missing" for name in shape.required_members if name not in value)
    for name, inner in value.items():
        if name in shape.members:
            yield from model_troubles(inner, shape.members[name], f"{where}.{name}")
        else:
            yield f"{where}: {name} is unknown"


def _list(value: Any, shape: Any, where: str) -> Troubles:
    yield from _size(value, list, shape, where)
    for each in value if isinstance(value, list) else ():
        yield from model_troubles(each, shape.member, f"{where}[]")


def _map(value: Any, shape: Any, where: str) -> Troubles:
    yield from _size(value, dict, shape, where)
    for name, inner in value.items() if isinstance(value, dict) else ():
        yield from model_troubles(name, shape.key, f"{where} (key)")
        yield from model_troubles(inner, shape.value, f"{where}.{name}")


def _string(value: Any, shape: Any, where: str) -> Troubles:
    yield from _size(value, str, shape, where)
    if not isinstance(value, str):
        return
    if shape.enum and value not in shape.enum:
        yield f"{where}: {value} is none of {', '.join(shape.enum)}"
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(_pythons(pattern), value, re.DOTALL | re.ASCII):
        yield f"{where}: {value[:60]!r} is not of the form {pattern}"


def _number(value: Any, shape: Any, where: str) -> Troubles:
    if not isinstance(value, int) or isinstance(value, bool):
        yield f"{where}: is no number"
    elif not shape.metadata.get("min", value) <= value <= shape.metadata.get("max", value):
        yield f"{where}: {value} is out of range"


def _boolean(value: Any, _: Any, where: str) -> Troubles:
    if not isinstance(value, bool):
        yield f"{where}: is neither true nor false"


def _size(value: Any, kind: type, shape: Any, where: str) -> Troubles:
    if not isinstance(value, kind):
        yield f"{where}: is no {kind.__name__}"
        return
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max", len(value))
    if not least <= len(value) <= most:
        yield f"{where}: has {len(value)}, and takes {least} to {most}"


def _pythons(pattern: str) -> str:
    """Java writes what lies above U+FFFF as pairs of surrogates."""
    return pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", "\U00010000-\U0010ffff")


_CHECKS: Mapping[str, Callable[[Any, Any, str], Troubles]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "integer": _number,
    "long": _number,
    "boolean": _boolean,
}
