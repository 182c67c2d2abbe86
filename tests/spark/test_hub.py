"""Workers report to the driver and hear whether to go on; a hub that is gone stops nobody."""

import socket
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace

import pytest

from s3sync.runs.heartbeat import Hub, HubClient, Progress, Report
from s3sync.s3.engine.rate_limit import RateShares, TokenBucket


def test_totals_are_those_of_the_latest_report_of_each_batch() -> None:
    with Hub("127.0.0.1", "127.0.0.1") as hub:
        one, two = HubClient(hub.address), HubClient(hub.address)
        assert not one.report(Report("b1", "0001-1", settled=10, size_bytes=100))
        assert not one.report(Report("b1", "0001-1", settled=30, size_bytes=300, failed=1))
        assert not two.report(Report("b2", "0001-2", settled=5, throttled=2))
        assert hub.progress() == Progress(35, 300, 1, 2)


def test_an_attempt_that_was_given_up_does_not_count_any_more() -> None:
    with Hub("127.0.0.1", "127.0.0.1") as hub:
        client = HubClient(hub.address)
        client.report(Report("b1", "0001-2", settled=3))
        client.report(Report("b1", "0001-1", settled=99))
        assert hub.progress().settled == 3


def test_news_reach_the_circuit_once() -> None:
    seen: list[tuple[int, Counter[str]]] = []
    with Hub("127.0.0.1", "127.0.0.1") as hub:
        hub.on_settled = lambda settled, codes: seen.append((settled, codes))
        client = HubClient(hub.address)
        client.report(Report("b1", "0001-1", settled=10, hopeless={"AccessDenied": 4}))
        client.report(Report("b1", "0001-1", settled=15, hopeless={"AccessDenied": 9}))
    assert seen == [(10, Counter(AccessDenied=4)), (5, Counter(AccessDenied=5))]


def test_stop_is_heard() -> None:
    with Hub("127.0.0.1", "127.0.0.1") as hub:
        client = HubClient(hub.address)
        assert not client.report(Report("b1", "a"))
        hub.stop_workers()
        assert client.report(Report("b1", "a"))


def test_a_stranger_is_not_heard() -> None:
    with Hub("127.0.0.1", "127.0.0.1") as hub:
        stranger = HubClient(replace(hub.address, token="wrong"))
        assert not stranger.report(Report("b1", "a", settled=10))
        assert hub.progress().settled == 0


def test_a_hub_that_is_gone_stops_nobody_and_one_that_comes_back_is_found() -> None:
    with Hub("127.0.0.1", "127.0.0.1") as hub:
        client = HubClient(hub.address, timeout_seconds=0.5)
        assert not client.report(Report("b1", "a", settled=1))
        client.close()
        assert not client.report(Report("b1", "a", settled=2))
        assert hub.progress().settled == 2
    assert not HubClient(hub.address, timeout_seconds=0.5).report(Report("b1", "a", settled=3))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((hub.address.host, hub.address.port), timeout=5)


def test_a_hub_that_does_not_answer_is_left_alone_for_a_while() -> None:
    """Each try takes the engine's thread for the whole time-out."""
    now = [0.0]
    with Hub("127.0.0.1", "127.0.0.1") as hub, socket.create_server(("127.0.0.1", 0)) as silent:
        address = replace(hub.address, port=silent.getsockname()[1])
        client = HubClient(address, timeout_seconds=0.1, clock=lambda: now[0])
        silent.setblocking(False)

        def tries() -> int:
            assert not client.report(Report("b1", "a"))
            calls = 0
            with suppress(BlockingIOError):
                while True:
                    silent.accept()[0].close()
                    calls += 1
            return calls

        found = []
        for moment in (0.0, 1.0, 29.0, 30.0, 31.0):
            now[0] = moment
            found.append(tries())
    assert found == [1, 0, 0, 1, 0]


def test_the_token_is_not_shown() -> None:
    with Hub("127.0.0.1", "127.0.0.1") as hub:
        assert hub.address.token not in repr(hub.address)


def test_throttles_come_with_the_prefix_that_has_most() -> None:
    with Hub("127.0.0.1", "127.0.0.1") as hub:
        one, two = HubClient(hub.address), HubClient(hub.address)
        one.report(Report("b1", "a", throttled=5, throttled_by_prefix={"b/x/": 5}))
        two.report(Report("b2", "a", throttled=4, throttled_by_prefix={"b/y/": 4}))
        two.report(Report("b2", "a", throttled=8, throttled_by_prefix={"b/y/": 4}))
        assert hub.progress() == Progress(0, 0, 0, 13, ("b/y/", 8))


def test_workers_hear_whether_anything_succeeded_anywhere() -> None:
    with Hub("127.0.0.1", "127.0.0.1") as hub:
        stuck, other = HubClient(hub.address), HubClient(hub.address)
        stuck.report(Report("b1", "a"))
        assert not stuck.moves
        other.report(Report("b2", "a", settled=10, failed=2))
        stuck.report(Report("b1", "a"))
        assert stuck.moves
        other.report(Report("b2", "a", settled=15, failed=7))
        stuck.report(Report("b1", "a"))
        assert not stuck.moves, "five more were settled, and all of them failed"


def test_the_rate_is_shared_and_comes_back() -> None:
    shares = RateShares(100, 2, time.monotonic)
    with Hub("127.0.0.1", "127.0.0.1", shares) as hub:
        rates = [TokenBucket(50, 100, time.monotonic) for _ in range(2)]
        one, two = (HubClient(hub.address, rate) for rate in rates)
        one.report(Report("b1", "a"))
        two.report(Report("b2", "a"))
        assert [rate.rate for rate in rates] == [50, 50]
        two.report(Report("b2", "a", is_ended=True))
        assert shares.lent == 50
        assert rates[1].rate == 50, "kept, for when the driver can't be reached"


def test_a_worker_that_hears_nothing_keeps_its_share() -> None:
    with Hub("127.0.0.1", "127.0.0.1", RateShares(100, 4, time.monotonic)) as hub:
        rate = TokenBucket(10, 100, time.monotonic)
        client = HubClient(hub.address, rate, timeout_seconds=0.5)
        client.report(Report("b1", "a"))
        assert rate.rate == 25
        client.close()
    assert not client.report(Report("b1", "a"))
    assert rate.rate == 25


def test_without_a_limit_nothing_is_said_of_rates() -> None:
    with Hub("127.0.0.1", "127.0.0.1") as hub:
        rate = TokenBucket(10, 100, time.monotonic)
        HubClient(hub.address, rate).report(Report("b1", "a"))
        assert rate.rate == 10
