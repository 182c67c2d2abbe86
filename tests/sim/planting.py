"""How a fault is planted into the code under test, for the time of a `with`.

`planted("package.module:function", old, new)` changes some text of a function; wherever the function is known by, it
is the changed one. The text must stand there exactly once: a fault that can't be planted any more is no fault found.
"""

import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import CodeType, FunctionType
from typing import Any

from s3sync.s3.request import Reply, Request
from tests.sim.network import Flight, Network, Sender

Change = Callable[[], Any]  # makes a context manager


class CantPlant(Exception):
    """The text is not there, or more than once."""


def _function(place: str) -> FunctionType:
    module, _, path = place.partition(":")
    found: Any = import_module(module)
    for name in path.split("."):
        found = inspect.getattr_static(found, name)
    for wrapper in ("__func__", "fget"):
        found = getattr(found, wrapper, found)
    if not isinstance(found, FunctionType):
        raise CantPlant(f"{place}: is no function")
    return found


def _code(function: FunctionType, text: str) -> CodeType:
    module = compile(textwrap.dedent(text), inspect.getsourcefile(function) or "planted", "exec", dont_inherit=True)
    name = function.__name__
    found = [each for each in module.co_consts if isinstance(each, CodeType) and each.co_name == name]
    return found[0]


@contextmanager
def planted(place: str, old: str, new: str) -> Iterator[None]:
    function = _function(place)
    text = inspect.getsource(function)
    if text.count(old) != 1:
        raise CantPlant(f"{place}: {old!r} stands there {text.count(old)} times")
    before = function.__code__
    function.__code__ = _code(function, text.replace(old, new))
    try:
        yield
    finally:
        function.__code__ = before


@contextmanager
def requests_changed(change: Callable[[Request], None]) -> Iterator[None]:
    """Every request is changed on its way."""
    send = Network.send

    def changed(network: Network, flight: Flight) -> None:
        change(flight.request)
        send(network, flight)

    Network.send = changed  # type: ignore[method-assign]
    try:
        yield
    finally:
        Network.send = send  # type: ignore[method-assign]


@contextmanager
def replies_changed(change: Callable[[Reply], None]) -> Iterator[None]:
    """Every answer is changed before anybody sees it."""
    take = Sender.take

    def changed(sender: Sender, flight: Flight, reply: Reply) -> None:
        change(reply)
        take(sender, flight, reply)

    Sender.take = changed  # type: ignore[method-assign]
    try:
        yield
    finally:
        Sender.take = take  # type: ignore[method-assign]


def without(operation: str, *names: str) -> Change:
    """A request of this operation goes without these parameters."""

    def change(request: Request) -> None:
        if request.operation == operation:
            for name in names:
                request.params.pop(name, None)

    return lambda: requests_changed(change)


def believed(operation: str, *codes: str, **values: Any) -> Change:
    """A failure of this operation with one of these codes is taken for a success."""

    def change(reply: Reply) -> None:
        if reply.request.operation == operation and reply.code in codes:
            reply.code, reply.status, reply.values = None, 200, dict(values)

    return lambda: replies_changed(change)
