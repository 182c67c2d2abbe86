"""Who else acts while a run goes on: writers on both sides, a lifecycle rule, and time itself."""

from s3sync.demo.s3_model.content import Body, Spans
from s3sync.model.limits import MIB
from tests.sim.world import SOURCE, TARGET, World

LARGE_BYTES = 12 * MIB
BODIES = (b"planned", b"another", b"longer than planned", b"")


def wait_a_second(world: World) -> None:
    world.s3.now += 1.0


def wait_long(world: World) -> None:
    world.s3.now += 900.0
    world.tell("a quarter of an hour passes")


def write_target(world: World) -> None:
    _put(world, TARGET)


def write_source(world: World) -> None:
    _put(world, SOURCE)


def delete_source(world: World) -> None:
    world.others("DeleteObject", SOURCE)


def delete_target(world: World) -> None:
    world.others("DeleteObject", TARGET)


def copy_by_hand(world: World) -> None:
    """Somebody copies the object as the run would."""
    world.others("CopyObject", TARGET, CopySource={"Bucket": SOURCE, "Key": "key"})


def tag_source(world: World) -> None:
    """ETag and time stay: no look can see it."""
    world.retagged_at = world.s3.now
    world.source_tags.append({"later": "1"})
    world.others("PutObjectTagging", SOURCE, Tagging={"TagSet": [{"Key": "later", "Value": "1"}]})


def abort_uploads(world: World) -> None:
    """A lifecycle rule of the target that aborts incomplete uploads, at a bad moment."""
    uploads = world.s3.buckets[TARGET].uploads
    if uploads:
        world.is_disturbed = True
        uploads.clear()
        world.tell("a lifecycle rule aborts the uploads of the target")


def _put(world: World, bucket: str) -> None:
    world.s3.now += 0.5 * world.choices.pick(3)
    choice = world.choices.pick(len(BODIES))
    body: Body = BODIES[choice]
    if choice == 1 and bucket == SOURCE and world.is_large:
        body = Spans.of("another", LARGE_BYTES)
    about = {"Metadata": {"by": str(world.choices.pick(2))}, "ContentType": "text/plain"}
    world.others("PutObject", bucket, Body=body, **about)


# As often as it stands here.
ALL = (
    wait_a_second,
    write_target,
    write_target,
    write_source,
    delete_source,
    delete_target,
    copy_by_hand,
    tag_source,
    abort_uploads,
    wait_long,
)
