"""All probes in their order: the quick ones, which only look, and those that write a probe object or wait."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from s3sync.aws.clients import client
from s3sync.config.model import Config
from s3sync.doctor.bucket_settings import settings
from s3sync.doctor.identity import clock, identity
from s3sync.doctor.inventory import inventory
from s3sync.doctor.network import network
from s3sync.doctor.permissions import permissions
from s3sync.doctor.place import place
from s3sync.doctor.queues import queues
from s3sync.doctor.sides import RefusedCall, asked
from s3sync.doctor.symptom import Health, Symptom, unknown
from s3sync.doctor.target_events import target_events
from s3sync.doctor.work_location import work
from s3sync.inventory.locate import find_manifest

Probe = Callable[[Config], Iterator[Symptom]]
QUICK: tuple[Probe, ...] = (identity, place, clock, settings, target_events)
WHOLE: tuple[Probe, ...] = (network, *QUICK, inventory, permissions, queues, work)


def examine(config: Config, *, quick: bool) -> Iterator[Symptom]:
    """Look at everything, topic by topic. `quick`: only what `migrate` looks at by itself, which writes nothing.

    A side whose credentials can't be had, or whose bucket is not there, is not looked at further.
    """
    config = with_source(config)
    hopeless: set[str] = set()
    for probe in QUICK if quick else WHOLE:
        for symptom in _careful(probe, config):
            side = symptom.topic.partition(":")[0]
            if side in hopeless and symptom.health is not Health.OK:
                continue  # it only says once more what is wrong already
            yield symptom
            is_of_all = symptom.topic.endswith((": credentials", ": bucket", ": network"))
            if symptom.health is Health.PROBLEM and is_of_all:
                hopeless.add(side)


def with_source(config: Config) -> Config:
    """The configuration with the source that the inventory names, where `-s` is left out."""
    if config.source.bucket is not None or not config.inventory.manifests:
        return config
    uri = config.inventory.manifests[0]
    manifest = asked(lambda: find_manifest(client("s3", config.access.inventory), uri))
    if isinstance(manifest, RefusedCall):
        return config
    return replace(config, source=replace(config.source, bucket=manifest.source_bucket))


def _careful(probe: Probe, config: Config) -> Iterator[Symptom]:
    """A probe that meets what it does not understand (a server that answers in its own way) ends, not the doctor."""
    try:
        yield from probe(config)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        yield unknown(probe.__name__, f"the server's answer is not understood ({type(error).__name__}: {error})")
