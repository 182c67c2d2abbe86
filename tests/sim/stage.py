"""What all schedules share: two buckets as they were before the plan, the plan, and the check at the end."""

from dataclasses import dataclass

from s3sync.demo.s3_model.content import Body, Spans, cut
from s3sync.demo.s3_model.stored import at_second
from s3sync.model.limits import MIB
from s3sync.model.task import Method, Overwrite
from tests.sim import actors, oracles, under_test
from tests.sim.network import Network, Sender
from tests.sim.oracles import Truth
from tests.sim.world import KEY, SOURCE, TARGET, World, Write

OVERWRITES = (Overwrite.ALWAYS, Overwrite.CHANGED, Overwrite.NEVER)
ENCRYPTIONS = (None, None, None, "AES256", "aws:kms")
LARGE_BYTES = actors.LARGE_BYTES
CUTS = ((5 * MIB, 10 * MIB, LARGE_BYTES), (6 * MIB, LARGE_BYTES), (5 * MIB, 11 * MIB, LARGE_BYTES))
HEEDS_NOTHING = frozenset(
    {"copy_source_if_match", "copy_source_if_unmodified_since", "part_copy_source_if_match"}
    | {f"{write}_if_{which}" for write in ("copy", "put", "complete") for which in ("match", "none_match")}
)


@dataclass(slots=True)
class Stage:
    """One object, planned, and the network that its requests travel on."""

    world: World
    network: Network
    truth: Truth
    method: Method

    @property
    def settings(self) -> under_test.Settings:
        truth = self.truth
        planned_at = at_second(int(truth.planned_at))
        encryption = self.world.s3.buckets[TARGET].encryption
        return under_test.settings(planned_at, truth.overwrite, heeds=truth.heeds, encryption=encryption)

    def sender(self, name: str, operation: under_test.Operation, *, is_tied: bool = True) -> Sender:
        return Sender(self.network, name, operation, is_tied=is_tied)

    def check(self) -> None:
        """Everything has landed: a check of both sides, alone or while others go on writing."""
        world, happens = self.world, self.world.choices.happens
        world.act_probability = 0.1 if happens(0.3) else 0.0
        metadata, is_deep = happens(0.2), happens(0.3) and self.method is not Method.MULTIPART_COPY
        since = world.s3.now
        looking = under_test.look_settings(self.settings, metadata=metadata)
        check = self.sender("check", under_test.look(under_test.finding(), looking))
        self.network.run([check])
        looked = check.result
        found = looked.finding
        if looked.is_open and is_deep:
            check = self.sender("check of the bodies", under_test.read_bodies(looked, looking))
            self.network.run([check])
            found = check.result
        oracles.judges_rightly(world, since, found, metadata=metadata, is_deep=is_deep)


def prepared(world: World, method: Method, *, heeds: bool) -> Stage:
    """The object as it was long before the plan, what the target has of it by then, and the plan."""
    s3, choices = world.s3, world.choices
    s3.create_bucket(SOURCE, encryption=ENCRYPTIONS[choices.pick(5)])
    target = s3.create_bucket(TARGET, encryption=ENCRYPTIONS[choices.pick(5)])
    s3.repeats_completions = bool(choices.pick(2))
    is_large = world.is_large = method is Method.MULTIPART_COPY
    body: Body = Spans.of("planned", LARGE_BYTES) if is_large else actors.BODIES[0]
    about = {"Bucket": SOURCE, "Key": KEY, "Metadata": {"by": "0"}, "ContentType": "text/plain", "Tagging": "a=b"}
    if choices.happens(0.6 if is_large else 0.1):
        _put_by_parts(world, about, body)
    else:
        s3.call("PutObject", {**about, "Body": body})
    there = choices.pick(4)
    if there == 1:
        s3.call("PutObject", {"Bucket": TARGET, "Key": KEY, "Body": b"older"})
    elif there == 2:
        s3.call("CopyObject", {"Bucket": TARGET, "Key": KEY, "CopySource": {"Bucket": SOURCE, "Key": KEY}})
    if choices.happens(0.1):
        target.versioning = "Enabled"
    s3.now += 3600.0 + 0.25 * choices.pick(4)
    world.writes.clear()
    return _planned(world, method, heeds=heeds)


def _planned(world: World, method: Method, *, heeds: bool) -> Stage:
    """What the listing of the source shows, and that of the target where the plan looks at it."""
    choices = world.choices
    overwrite = OVERWRITES[choices.pick(3)]
    source, target = world.s3.buckets[SOURCE].current(KEY), world.s3.buckets[TARGET].current(KEY)
    assert source is not None
    plan_looks = overwrite is not Overwrite.ALWAYS
    etag = None if choices.happens(0.1) else source.etag
    seen = None if not plan_looks else ("" if target is None else target.etag)
    task = under_test.task(method, source.size_bytes, etag, source.last_modified, seen)
    truth = Truth(task, source, world.s3.now, overwrite, heeds, plan_looks, target)
    stage = Stage(world, Network(world), truth, method)

    def on_write(write: Write) -> None:
        oracles.keeps_others(world, truth, write)
        oracles.is_planned(world, truth, write)

    world.on_target_write = on_write
    world.acts, world.act_probability = actors.ALL, 0.06
    if world.story is not None:
        world.tell(
            f"the plan: {method}, overwrite {overwrite}; target "
            f"{'not looked at' if seen is None else 'absent' if not seen else 'there'}"
            f"{'' if heeds else '; the server heeds no conditions'}"
        )
    return stage


def _put_by_parts(world: World, about: dict[str, object], body: Body) -> None:
    s3 = world.s3
    where = {"Bucket": SOURCE, "Key": KEY, "UploadId": s3.call("CreateMultipartUpload", about)["UploadId"]}
    bodies = [body]
    if isinstance(body, Spans):
        ends = CUTS[world.choices.pick(len(CUTS))]
        bodies = [cut(body, first, last - 1) for first, last in zip((0, *ends), ends, strict=False)]
    named = [
        {"PartNumber": number, "ETag": s3.call("UploadPart", {**where, "PartNumber": number, "Body": each})["ETag"]}
        for number, each in enumerate(bodies, start=1)
    ]
    s3.call("CompleteMultipartUpload", {**where, "MultipartUpload": {"Parts": named}})
