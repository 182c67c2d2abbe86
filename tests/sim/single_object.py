"""One object of a batch: attempts that die, retries from a queue, and a check.

plan ─> attempt ─> attempt after a death ... ─> retries, two at once ─> all that is on its way lands ─> check
"""

from s3sync.model.outcome import Outcome, Status
from s3sync.model.task import Method
from tests.sim import oracles, under_test
from tests.sim.choices import Choices
from tests.sim.stage import HEEDS_NOTHING, Stage, prepared
from tests.sim.world import World

METHODS = (*(Method.COPY_OBJECT,) * 6, Method.MULTIPART_COPY, Method.RELAY)
ATTEMPTS_MAX = 3


def single_object(choices: Choices, story: list[str] | None = None) -> None:
    heeds = not choices.happens(0.12)
    world = World(choices, frozenset() if heeds else HEEDS_NOTHING)
    world.story = story
    stage = prepared(world, METHODS[choices.pick(len(METHODS))], heeds=heeds)
    outcome = _retried(stage, _attempted(stage))
    world.act_probability = 0.0
    stage.network.drain()
    oracles.is_there(world, stage.truth, outcome)
    oracles.leaves_no_upload(world)
    stage.check()


def _attempted(stage: Stage) -> Outcome:
    """The batch: one attempt, and another one after each worker that dies."""
    happens = stage.world.choices.happens
    is_late = happens(0.15)  # the plan is old: every object is looked at first
    for number in range(1, ATTEMPTS_MAX):
        outcome = _attempt(stage, number, is_late=is_late, dies=happens(0.15))
        if outcome is not None:
            return outcome
    outcome = _attempt(stage, ATTEMPTS_MAX, is_late=is_late, dies=False)
    assert outcome is not None
    return outcome


def _attempt(stage: Stage, number: int, *, is_late: bool, dies: bool) -> Outcome | None:
    is_repeat, world = number > 1, stage.world
    for upload_id in [each for each, opened in world.opened.items() if opened.is_noted]:
        tidying = under_test.abort_noted(stage.settings, upload_id)
        stage.network.run([stage.sender(f"attempt {number}, tidying", tidying)])

    def note(_task: object, upload_id: str) -> None:
        world.opened[upload_id].is_noted = True

    operation = under_test.copy_task(
        stage.truth.task,
        stage.settings,
        min(number, 2),
        is_repeat or is_late,
        is_repeat=is_repeat,
        note_upload=note,
    )
    sender = stage.sender(f"attempt {number}", operation)
    if dies:
        for _ in range(stage.world.choices.pick(6)):
            if not sender.is_done:
                stage.network.step()
        if not sender.is_done:
            sender.die()
            return None
    stage.network.run([sender])
    outcome: Outcome = sender.result
    oracles.is_true(stage.world, stage.truth, sender, outcome)
    return outcome


def _retried(stage: Stage, outcome: Outcome) -> Outcome:
    """From a queue: at least once, so two consumers may have the task at the same moment (C8)."""
    choices = stage.world.choices
    if outcome.status.is_complete or not choices.happens(0.5):
        return outcome
    senders = []
    for number in range(1, 2 + choices.pick(2)):
        operation = under_test.retry_task(stage.truth.task, stage.settings, 2, under_test.RetryHow(), look_first=True)
        senders.append(stage.sender(f"consumer {number}", operation, is_tied=False))
    stage.network.run(senders)
    for sender in senders:
        oracles.is_true(stage.world, stage.truth, sender, sender.result)
    results: list[Outcome] = [sender.result for sender in senders]
    return next((each for each in results if each.status is Status.COPIED), results[-1])
