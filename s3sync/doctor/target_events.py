"""What would happen on the target for each copy: notifications and replication that fire, lifecycle rules that move,
expire or abort.

AWS: "Amazon S3 Event Notifications", "Replicating objects", "Managing your storage lifecycle". A copy is a new object:
its age starts anew, and it is an event.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from s3sync.config.model import Config
from s3sync.doctor.sides import ExaminedSide, RefusedCall, asked, not_seen, sides
from s3sync.doctor.symptom import Symptom, ok, warning

_NONE_SET = frozenset({"NoSuchLifecycleConfiguration", "ReplicationConfigurationNotFoundError"})
_FIRING = ("s3:ObjectCreated", "s3:ObjectTagging")


def target_events(config: Config) -> Iterator[Symptom]:
    target = sides(config)[1]
    prefix = config.target.prefix
    yield _notifications(target)
    yield _replication(target, prefix)
    yield from _lifecycle(target, prefix)


def _notifications(side: ExaminedSide) -> Symptom:
    topic = side.topic("notifications")
    answer = asked(lambda: side.s3.get_bucket_notification_configuration(**side.given))
    if isinstance(answer, RefusedCall):
        return not_seen(topic, answer, "s3:GetBucketNotification")
    kinds = {"TopicConfigurations": "SNS", "QueueConfigurations": "SQS", "LambdaFunctionConfigurations": "Lambda"}
    told: Mapping[str, Any] = {**answer}
    firing = [
        where
        for kind, where in kinds.items()
        for rule in told.get(kind, ())
        if any(str(event).startswith(_FIRING) for event in rule["Events"])
    ]
    if "EventBridgeConfiguration" in told:
        firing.append("EventBridge")
    if not firing:
        return ok(topic, "none that copies would fire")
    return warning(
        topic,
        f"each copy fires notifications: {', '.join(sorted(set(firing)))}",
        "take them off for the time of the migration, or see that their receivers bear the rate of copies",
    )


def _replication(side: ExaminedSide, prefix: str) -> Symptom:
    topic = side.topic("replication")
    answer = asked(lambda: side.s3.get_bucket_replication(**side.given))
    if isinstance(answer, RefusedCall):
        if answer.code in _NONE_SET:
            return ok(topic, "none")
        return not_seen(topic, answer, "s3:GetReplicationConfiguration")
    rules = [rule for rule in answer["ReplicationConfiguration"]["Rules"] if _is_on(rule) and _meets(rule, prefix)]
    if not rules:
        return ok(topic, "no rule that is on meets the target's prefix")
    places = sorted({str(rule["Destination"]["Bucket"]).rpartition(":")[2] for rule in rules})
    return warning(
        topic,
        f"each copy is replicated once more, to {', '.join(places)}",
        "turn the rules off for the time of the migration, or plan for their requests and transfer",
    )


def _lifecycle(side: ExaminedSide, prefix: str) -> Iterator[Symptom]:
    topic = side.topic("lifecycle")
    answer = asked(lambda: side.s3.get_bucket_lifecycle_configuration(**side.given))
    if isinstance(answer, RefusedCall):
        if answer.code in _NONE_SET and not side.is_aws:
            yield ok(topic, "no rules")
        elif answer.code in _NONE_SET:
            yield warning(
                topic,
                "no rule aborts incomplete multipart uploads: those of a driver that was killed are stored and billed",
                "add a rule that aborts them after 7 days",
            )
        else:
            yield not_seen(topic, answer, "s3:GetLifecycleConfiguration")
        return
    rules = [rule for rule in answer["Rules"] if _is_on(rule) and _meets(rule, prefix)]
    for rule in rules:
        yield from _rule(topic, rule)
    if not any("AbortIncompleteMultipartUpload" in rule for rule in rules):
        yield warning(topic, "no rule aborts incomplete multipart uploads", "add a rule that aborts them after 7 days")
    elif not any({"Expiration", "Transitions"} & rule.keys() for rule in rules):
        yield ok(topic, f"{len(rules)} rules, none that moves or expires copies")


def _rule(topic: str, rule: Mapping[str, Any]) -> Iterator[Symptom]:
    name = rule.get("ID", "(no name)")
    days = rule.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation")
    if days is not None and int(days) < 2:  # noqa: PLR2004
        yield warning(
            topic,
            f"rule {name} aborts uploads after {days} day: a giant's parts may take longer",
            "set it to 7 days for the time of the migration",
        )
    expiration = rule.get("Expiration", {})
    if "Days" in expiration or "Date" in expiration:
        yield warning(
            topic,
            f"rule {name} deletes copies {_when(expiration)}; their age starts anew with the copy",
            "see that this is meant for what is copied",
        )
    for transition in rule.get("Transitions", ()):
        yield warning(
            topic,
            f"rule {name} moves copies to {transition.get('StorageClass')} {_when(transition)}",
            "give --storage-class to store them there at once: a transition is one more billed request an object",
        )


def _when(action: Mapping[str, Any]) -> str:
    return f"after {action['Days']} days" if "Days" in action else f"on {action.get('Date')}"


def _is_on(rule: Mapping[str, Any]) -> bool:
    return bool(rule.get("Status") == "Enabled")


def _meets(rule: Mapping[str, Any], prefix: str) -> bool:
    """Whether keys below the target's prefix can be among the rule's."""
    chosen = rule.get("Filter", {})
    of_rule = rule.get("Prefix") or chosen.get("Prefix") or chosen.get("And", {}).get("Prefix") or ""
    return str(of_rule).startswith(prefix) or prefix.startswith(str(of_rule))
