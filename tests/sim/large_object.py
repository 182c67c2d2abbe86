"""One large object: many tasks copy it, any of them dies, or is thought dead and goes on beside its successor.

    open ─> carry each part ─> finish ─> settled, or another round ─> ... ─> another driver ─> ... ─> check

What the tasks write down between their steps (the upload, the parts that are there) lies in `Records`, which a task
that dies between its last request and its record does not reach.
"""

from dataclasses import dataclass, field

from s3sync.model.outcome import Outcome
from s3sync.model.task import Method
from tests.sim import oracles, under_test
from tests.sim.choices import Choices
from tests.sim.network import Sender
from tests.sim.stage import HEEDS_NOTHING, Stage, prepared
from tests.sim.world import Violation, World

DRIVERS_MAX = 3
TRIES_MAX = 4  # of one task, as Spark has it


@dataclass(slots=True)
class Records:
    """What is written down about the uploads, the latest one in use."""

    uploads: list[under_test.OpenUpload] = field(default_factory=list)
    etags: dict[int, str] = field(default_factory=dict)
    is_gone: bool = False
    was_begun: bool = False
    outcome: Outcome | None = None

    @property
    def current(self) -> under_test.OpenUpload | None:
        return self.uploads[-1] if self.uploads and not self.is_gone else None

    def put_open(self, upload: under_test.OpenUpload) -> under_test.OpenUpload:
        """The first one that is written down counts."""
        if self.current is None:
            self.uploads.append(upload)
            self.etags, self.is_gone = {}, False
        return self.uploads[-1]


@dataclass(slots=True)
class _Giant:
    stage: Stage
    records: Records
    is_late: bool

    def drive(self, driver: int, *, may_die: bool) -> None:
        """The rounds of one driver; it may die between two steps."""
        happens = self.stage.world.choices.happens
        for number in range(under_test.ROUNDS):
            opened = self._opened(f"driver {driver}, round {number + 1}, open")
            if opened is None or (may_die and happens(0.05)):
                return
            failure = self._carried(f"driver {driver}, round {number + 1}", opened)
            if may_die and happens(0.05):
                return
            self._finished(f"driver {driver}, round {number + 1}", opened, failure, number == under_test.ROUNDS - 1)
            if self.records.outcome is not None:
                return

    def _opened(self, name: str) -> under_test.OpenUpload | None:
        stage, records = self.stage, self.records
        for try_number in range(1, TRIES_MAX + 1):
            is_repeat = records.was_begun
            records.was_begun = True
            job = under_test.job(stage.truth.task, stage.settings, 2 if is_repeat else 1, is_repeat=is_repeat)
            operation = under_test.open_giant(job, records.current, look_first=is_repeat or self.is_late)
            sender = self._run(f"{name} {try_number}", operation, may_die=try_number < TRIES_MAX)
            if sender.is_dead:
                continue
            result = sender.result
            if isinstance(result, Outcome):
                self._settle(sender, result)
                return None
            used = records.put_open(result)
            if used.upload_id != result.upload_id:
                self._run(f"{name}, needless", result.of(job).abort(), may_die=False)
            return used
        raise AssertionError("the last try does not die")

    def _carried(self, name: str, opened: under_test.OpenUpload) -> Outcome | None:
        """All parts that are missing; why, where some still are."""
        stage, records = self.stage, self.records
        failures: list[Outcome] = []
        for part in opened.cut.layout.parts():
            if part.number in records.etags:
                continue
            for try_number in range(1, TRIES_MAX + 1):
                job = under_test.job(stage.truth.task, stage.settings, 1)
                operation = under_test.carry_part(job, opened, part)
                sender = self._run(
                    f"{name}, part {part.number}, {try_number}", operation, may_die=try_number < TRIES_MAX
                )
                if not sender.is_dead:
                    break
            if isinstance(sender.result, Outcome):
                failures.append(sender.result)
            else:
                records.etags[part.number] = sender.result
        return under_test.telling(failures)

    def _finished(self, name: str, opened: under_test.OpenUpload, failure: Outcome | None, is_last: bool) -> None:
        """A task that is thought dead may finish beside its successor: the first record counts."""
        stage, records = self.stage, self.records
        etags = [etag for _, etag in sorted(records.etags.items())]
        whole = etags if len(etags) == len(opened.cut.layout) else None
        attempt = 2 if len(records.uploads) > 1 or stage.world.deaths else 1

        def sender_of(try_number: int) -> Sender:
            job = under_test.job(stage.truth.task, stage.settings, attempt)
            operation = under_test.finish_giant(job, opened, whole, failure, is_last=is_last)
            return stage.sender(f"{name}, finish {try_number}", operation)

        senders = [sender_of(1)]
        if stage.world.choices.happens(0.1):
            senders.append(sender_of(2))
        elif stage.world.choices.happens(0.1):
            self._die_somewhere(senders[0])
            if senders[0].is_dead:
                senders = [sender_of(2)]
        stage.network.run(senders)
        for sender in senders:
            outcome, following = sender.result
            if following is under_test.Next.SETTLE:
                self._settle(sender, outcome)
            elif following is under_test.Next.OPEN_ANEW:
                records.is_gone = True

    def _settle(self, sender: Sender, outcome: Outcome) -> None:
        sender.began_at = self.stage.truth.planned_at  # it may tell what an earlier step met
        oracles.is_true(self.stage.world, self.stage.truth, sender, outcome)
        if self.records.outcome is None:
            self.records.outcome = outcome

    def _run(self, name: str, operation: under_test.Operation, *, may_die: bool) -> Sender:
        sender = self.stage.sender(name, operation)
        if may_die and self.stage.world.choices.happens(0.06):
            self._die_somewhere(sender)
        if not sender.is_dead:
            self.stage.network.run([sender])
        return sender

    def _die_somewhere(self, sender: Sender) -> None:
        for _ in range(self.stage.world.choices.pick(6)):
            if not sender.is_done:
                self.stage.network.step()
        if not sender.is_done:
            sender.die()


def large_object(choices: Choices, story: list[str] | None = None) -> None:
    heeds = not choices.happens(0.12)
    world = World(choices, frozenset() if heeds else HEEDS_NOTHING)
    world.story = story
    stage = prepared(world, Method.MULTIPART_COPY, heeds=heeds)
    giant = _Giant(stage, Records(), is_late=choices.happens(0.15))
    for driver in range(1, DRIVERS_MAX + 1):
        giant.drive(driver, may_die=driver < DRIVERS_MAX)
        if giant.records.outcome is not None:
            break
    outcome = giant.records.outcome
    if outcome is None:
        raise Violation("C1: a large object is never settled")
    world.act_probability = 0.0
    stage.network.drain()
    oracles.is_there(world, stage.truth, outcome)
    oracles.leaves_no_upload(world)
    stage.check()
