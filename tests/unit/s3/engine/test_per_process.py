"""What a worker process keeps: its share of the run's rate, and its pace."""

from s3sync.config.model import Access, AccessConfig, CopyConfig, Secret, TransportKind
from s3sync.s3.engine.per_process import EngineOptions, engine_for, rate_for, shares_of

LIMITED = EngineOptions.of(CopyConfig(max_requests_per_second=600), workers=4)


def test_a_worker_begins_with_its_even_share() -> None:
    rate, shares = rate_for(LIMITED), shares_of(LIMITED)
    assert rate is not None
    assert shares is not None
    assert rate.rate == 150


def test_without_a_limit_there_is_neither_rate_nor_shares() -> None:
    assert rate_for(EngineOptions()) is None
    assert shares_of(EngineOptions()) is None


def test_engines_of_one_process_draw_on_one_share_and_are_kept() -> None:
    """So that the window of one batch is where the next one begins."""
    side = Access(aws_access_key_id="AK", aws_secret_access_key=Secret("sk"), region_name="us-east-1")
    access = AccessConfig(source=side, target=side)
    one = EngineOptions(TransportKind.BOTO3, in_flight=2, max_requests_per_second=600, workers=4)
    other = EngineOptions(TransportKind.BOTO3, in_flight=3, max_requests_per_second=600, workers=4)
    assert engine_for(access, one) is engine_for(access, one)
    assert engine_for(access, one) is not engine_for(access, other)
    assert engine_for(access, one).rate is engine_for(access, other).rate is rate_for(LIMITED)
