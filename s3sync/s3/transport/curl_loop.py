"""Driving libcurl's multi handles: what is added goes out, what is finished comes back.

Two ways, with the same interface. Up to `HANDLES_PER_MULTI` requests in flight, `perform` and `select` on one multi are
the quickest. A multi slows down with more, so beyond that there are several, behind one epoll loop (libcurl's
`socket_action`); that costs a little more for each request and does not grow.
"""

import select
import time
from collections.abc import Callable
from typing import Protocol

import pycurl

HANDLES_PER_MULTI = 128
_NO_SOCKETS_PAUSE_SECONDS = 0.005

Finished = list[tuple[pycurl.Curl, int, str]]


class Pump(Protocol):
    """`pump` returns as soon as something is finished, after `timeout_seconds` at the latest: handles, with libcurl's
    error number (0: none) and text. A handle that is finished may be added again."""

    def add(self, handle: pycurl.Curl) -> None: ...

    def pump(self, timeout_seconds: float) -> Finished: ...

    def close(self) -> None: ...


def pump_for(handles: int) -> Pump:
    return SelectPump(handles) if handles <= HANDLES_PER_MULTI else EpollPump(handles)


def _finished(multi: pycurl.CurlMulti) -> Finished:
    found: Finished = []
    more = 1
    while more:
        more, good, bad = multi.info_read()
        found.extend((handle, 0, "") for handle in good)
        found.extend(bad)
    for handle, _, _ in found:
        multi.remove_handle(handle)
    return found


def _new_multi(handles: int) -> pycurl.CurlMulti:
    multi = pycurl.CurlMulti()
    multi.setopt(pycurl.M_MAXCONNECTS, handles)
    multi.setopt(pycurl.M_PIPELINING, 0)
    return multi


class SelectPump:
    def __init__(self, handles: int) -> None:
        self._multi = _new_multi(handles)

    def add(self, handle: pycurl.Curl) -> None:
        self._multi.add_handle(handle)

    def pump(self, timeout_seconds: float) -> Finished:
        multi = self._multi
        deadline = 0.0
        while True:
            multi.perform()
            found = _finished(multi)
            if found:
                return found
            now = time.monotonic()
            deadline = deadline or now + timeout_seconds
            if now >= deadline:
                return found
            due_milliseconds = multi.timeout()  # when libcurl wants to look at its own clock, -1 for never
            pause = deadline - now if due_milliseconds < 0 else min(deadline - now, due_milliseconds / 1000)
            if multi.select(pause) < 0:
                time.sleep(min(_NO_SOCKETS_PAUSE_SECONDS, pause))

    def close(self) -> None:
        self._multi.close()


class _Member:
    """One multi of an EpollPump: its load, and when libcurl wants to be called though nothing came in."""

    __slots__ = ("due_at", "load", "multi")

    def __init__(self, epoll: select.epoll, owners: dict[int, "_Member"]) -> None:
        self.multi = _new_multi(HANDLES_PER_MULTI)
        self.load = 0
        self.due_at: float | None = None
        self.multi.setopt(pycurl.M_SOCKETFUNCTION, self._watcher(epoll, owners))
        self.multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)

    def _set_timer(self, timeout_milliseconds: int) -> None:
        self.due_at = None if timeout_milliseconds < 0 else time.monotonic() + timeout_milliseconds / 1000

    def _watcher(
        self, epoll: select.epoll, owners: dict[int, "_Member"]
    ) -> Callable[[int, int, pycurl.CurlMulti, object], None]:
        masks = {
            pycurl.POLL_IN: select.EPOLLIN,
            pycurl.POLL_OUT: select.EPOLLOUT,
            pycurl.POLL_INOUT: select.EPOLLIN | select.EPOLLOUT,
        }

        def watch(what: int, fd: int, _multi: pycurl.CurlMulti, _data: object) -> None:
            if what == pycurl.POLL_REMOVE:
                if owners.pop(fd, None) is not None:
                    epoll.unregister(fd)
            elif fd in owners:
                epoll.modify(fd, masks[what])
            else:
                owners[fd] = self
                epoll.register(fd, masks[what])

        return watch


class EpollPump:
    def __init__(self, handles: int) -> None:
        self._epoll = select.epoll()
        self._owners: dict[int, _Member] = {}
        count = -(-handles // HANDLES_PER_MULTI)
        self._members = [_Member(self._epoll, self._owners) for _ in range(count)]
        self._home: dict[pycurl.Curl, _Member] = {}

    def add(self, handle: pycurl.Curl) -> None:
        """A handle stays with its multi, where its connection is."""
        member = self._home.get(handle)
        if member is None:
            member = self._home[handle] = min(self._members, key=lambda each: each.load)
            member.load += 1
        member.multi.add_handle(handle)

    def pump(self, timeout_seconds: float) -> Finished:
        deadline = time.monotonic() + timeout_seconds
        while True:
            found = self._turn(deadline)
            if found or time.monotonic() >= deadline:
                return found

    def _turn(self, deadline: float) -> Finished:
        now = time.monotonic()
        due = min((each.due_at for each in self._members if each.due_at is not None), default=deadline)
        touched: dict[_Member, None] = {}
        for fd, event in self._epoll.poll(max(0.0, min(due, deadline) - now)):
            member = self._owners.get(fd)
            if member is not None:
                bits = pycurl.CSELECT_IN if event & (select.EPOLLIN | select.EPOLLHUP) else 0
                bits |= pycurl.CSELECT_OUT if event & select.EPOLLOUT else 0
                member.multi.socket_action(fd, bits or pycurl.CSELECT_ERR)
                touched[member] = None
        now = time.monotonic()
        for member in self._members:
            if member.due_at is not None and member.due_at <= now:
                member.due_at = None
                member.multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
                touched[member] = None
        return [each for member in touched for each in _finished(member.multi)]

    def close(self) -> None:
        for member in self._members:
            member.multi.close()
        self._epoll.close()
