"""How a run copies, kept in its folder (`copy.json`) for whoever tries its tasks again later."""

from dataclasses import fields
from datetime import datetime
from typing import Any

from s3sync.config.model import Mode
from s3sync.copying.settings import CopySettings
from s3sync.model.conditions import Conditions
from s3sync.model.task import Overwrite
from s3sync.runs.folder import RunFolder

FILE = "copy.json"
_FIELDS = tuple(field.name for field in fields(CopySettings) if field.init and field.compare)


def put_recipe(folder: RunFolder, settings: CopySettings) -> None:
    """Nothing in it is secret: buckets, encryption, pins, the time of the plan."""
    value: dict[str, Any] = {name: getattr(settings, name) for name in _FIELDS}
    made = {"planned_at": settings.planned_at.isoformat(), "conditions": settings.conditions.to_json()}
    folder.put_json(FILE, {**value, **made})


def recipe_of(folder: RunFolder) -> CopySettings | None:
    """None where the run has none: it is not in this work location, or nothing of it was copied yet. Of one that an
    older version wrote no condition was tried in its form: none counts as heeded."""
    value = folder.get_json(FILE)
    if value is None:
        return None
    known = {name: value[name] for name in _FIELDS if name in value}
    if "is_relayed" not in known:  # written by an older version: of its options only the mode tells
        options = (folder.get_json("run.json") or {}).get("options", {})
        known["is_relayed"] = options.get("copy.mode") == Mode.DOWNUP.value
    known["planned_at"] = datetime.fromisoformat(known["planned_at"])
    known["overwrite"] = Overwrite(known["overwrite"])
    known["conditions"] = Conditions.from_json(known.get("conditions", {}))
    return CopySettings(**known)


def tried_before(folder: RunFolder) -> Conditions | None:
    """What an earlier driver of the run found that the target's server heeds; None where none has tried it out."""
    value = folder.get_json(FILE) or {}
    return Conditions.from_json(value["conditions"]) if "conditions" in value else None
