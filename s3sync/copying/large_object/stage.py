"""Giants and batches carried out together: many tasks copy one giant, in rounds.

    open ──> parts, and in the first round the ordinary batches too ──> finish ──┐
      ^                                                                          │ an upload that is gone, parts that
      └──────────────────────────────────────────────────────────────────────────┘ are missing: another round

Each arrow is a Spark job. Parts come before batches: they take longest. A run that is stopped leaves the uploads open,
and goes on with them.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from pyspark.sql import SparkSession

from s3sync.copying.batch import CopyContext, Stopped, copy_batch
from s3sync.copying.large_object.tasks import Finishing, Opening, PieceEnd, carry_piece, finish_giants, open_giants
from s3sync.errors import WorkerLost
from s3sync.model.outcome import Outcome
from s3sync.planning.large_objects import PIECES_LEAST, ROUNDS, telling
from s3sync.runs.plan import Batch
from s3sync.runs.store import Store, open_store
from s3sync.runs.upload_log import OpenGiant, Piece
from s3sync.spark.task import this_attempt
from s3sync.spark.watch import CopyWatch, carry_out

Item = TypeVar("Item")
Work = TypeVar("Work")
Result = TypeVar("Result")


def tasks_of(batches: Sequence[Batch]) -> int:
    """How many Spark tasks will run at once, at least, if there is room."""
    return sum(PIECES_LEAST if batch.is_giant else 1 for batch in batches)


def copy_batches(
    spark: SparkSession, context: CopyContext, batches: Sequence[Batch], watch: CopyWatch
) -> list[Stopped]:
    """Carry out the batches. Ends early, without an error, where the run is told to stop. Returns the batches that were
    not finished, as far as their workers could still tell."""
    stopped: list[Stopped] = []
    giants = [batch for batch in batches if batch.is_giant]
    waiting = [batch for batch in batches if not batch.is_giant]
    tasks = spark.sparkContext.defaultParallelism
    for number in range(ROUNDS):
        opened = _opened(spark, context, giants, tasks, number, watch)
        works: list[Piece | Batch] = [*_spread(opened), *waiting]
        ends = carry_out(spark, works, _carrying(context), watch)
        stopped += (end for end in ends if isinstance(end, Stopped))
        pieces = [end for end in ends if isinstance(end, PieceEnd)]
        again = _finished(spark, context, opened, pieces, tasks, number, watch)
        giants, waiting = [batch for batch in giants if batch.batch_id in again], []
        if not giants:
            break
    return stopped


def _opened(
    spark: SparkSession, context: CopyContext, giants: list[Batch], tasks: int, number: int, watch: CopyWatch
) -> list[OpenGiant]:
    all_bytes = sum(giant.size_bytes for giant in giants)
    openings = [
        Opening(f"giants/{number}/open/{place}", some, all_bytes, number == 0)
        for place, some in enumerate(_portions(giants, tasks))
    ]
    return carry_out(spark, openings, _task(context, open_giants), watch)


def _finished(
    spark: SparkSession,
    context: CopyContext,
    opened: list[OpenGiant],
    ends: list[PieceEnd],
    tasks: int,
    number: int,
    watch: CopyWatch,
) -> set[str]:
    """The ids of those that are to be tried once more."""
    failures: defaultdict[str, list[Outcome]] = defaultdict(list)
    for end in ends:
        if end.failure is not None:
            failures[end.batch_id].append(end.failure)
    pairs = [(giant, telling(failures[giant.batch_id])) for giant in opened]
    finishings = [
        Finishing(f"giants/{number}/finish/{place}", some, number == ROUNDS - 1)
        for place, some in enumerate(_portions(pairs, tasks))
    ]
    return {giant.batch_id for giant in carry_out(spark, finishings, _task(context, finish_giants), watch)}


def _spread(opened: list[OpenGiant]) -> Iterator[Piece]:
    """The pieces of all giants in turns, so that a giant does not wait for another one to end."""
    piles = [giant.pieces() for giant in opened]
    for place in range(max(map(len, piles), default=0)):
        yield from (pile[place] for pile in piles if place < len(pile))


def _portions(items: Sequence[Item], most: int) -> Iterator[tuple[Item, ...]]:
    """The items in up to `most` portions, as alike as can be."""
    count = max(1, min(most, len(items)))
    return (tuple(items[start::count]) for start in range(count) if items)


def _task(
    context: CopyContext, act: Callable[[CopyContext, Store, Work, str], list[Result]]
) -> Callable[[Iterable[Work]], Iterator[Result]]:
    def run(works: Iterable[Work]) -> Iterator[Result]:
        attempt, parent = this_attempt(context.epoch), os.getppid()
        store = open_store(context.store_uri, context.access.work)
        for work in works:
            yield from act(context, store, work, attempt)
            # Work that is cut short ends as if it had been told to. Where Spark still listens it is to try again.
            if os.getppid() != parent:
                raise WorkerLost("a worker was cut off: the process of Spark that began it is gone")

    return run


def _carrying(context: CopyContext) -> Callable[[Iterable[Piece | Batch]], Iterator[PieceEnd | Stopped]]:
    def carry(context: CopyContext, store: Store, work: Piece | Batch, attempt: str) -> list[PieceEnd | Stopped]:
        if isinstance(work, Piece):
            return [carry_piece(context, store, work, attempt)]
        end = copy_batch(context, store, work, attempt)
        return [end] if isinstance(end, Stopped) else []

    return _task(context, carry)
