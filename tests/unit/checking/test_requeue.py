"""The copies that settle findings: made as the run was to make them, and by the way that its plan would choose."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from s3sync.checking.requeue import copy_settings_of, task_of
from s3sync.config.model import Access, AccessConfig, Config, CopyConfig, Mode, SourceConfig, TargetConfig
from s3sync.copying.settings import CopySettings
from s3sync.copying.settings_file import FILE, put_recipe, recipe_of, tried_before
from s3sync.errors import ConfigError
from s3sync.model.conditions import AS_S3, NONE_HEEDED
from s3sync.model.finding import Evidence, Finding, Verdict
from s3sync.model.limits import COPY_OBJECT_MAX_BYTES, MIB
from s3sync.model.task import Method, Overwrite
from s3sync.retry.task_files import recipe_or_refuse
from s3sync.runs.folder import RunFolder, find_or_create
from s3sync.runs.follow_up import FINDINGS
from s3sync.runs.lock import TargetLock
from s3sync.runs.lock_place import folder_place
from s3sync.runs.store import LocalStore

NOW, SEEN = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
PARTS = "a" * 32 + "-2"
CONFIG = Config(
    SourceConfig("from-here"),
    TargetConfig("into"),
    access=AccessConfig(source=Access(region_name="us-east-1"), target=Access(region_name="us-east-1")),
)


@pytest.fixture(autouse=True)
def _somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Botocore is asked which endpoints both sides have, and answers nobody without credentials."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAUNIT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "unit")


def a_finding(size: int | None = 5, etag: str | None = PARTS) -> Finding:
    where = {"source_last_modified": NOW, "source_storage_class": "STANDARD", "requests": 0, "read_bytes": 0}
    target: dict[str, Any] = dict.fromkeys(f"target_{n}" for n in ("size", "etag", "last_modified", "storage_class"))
    verdict = {"verdict": Verdict.MISSING_ON_TARGET, "evidence": Evidence.PRESENCE, "detail": None}
    return Finding("k", "k", source_size=size, source_etag=etag, **verdict, **where, **target)


def settings(**changes: Any) -> CopySettings:
    return CopySettings("from-here", "into", NOW, **changes)


@pytest.mark.parametrize(
    ("changes", "size", "method"),
    [
        ({}, 5, Method.COPY_OBJECT),
        ({}, None, Method.COPY_OBJECT),
        ({}, COPY_OBJECT_MAX_BYTES + 1, Method.MULTIPART_COPY),
        ({"multipart_threshold_bytes": 5 * MIB}, 5 * MIB + 1, Method.MULTIPART_COPY),
        ({"preserve_etags": True}, 5, Method.MULTIPART_COPY),
        ({"is_relayed": True}, 5, Method.RELAY),
        ({"is_relayed": True}, COPY_OBJECT_MAX_BYTES + 1, Method.RELAY),
    ],
)
def test_c19_the_method_is_the_one_that_a_plan_would_choose(
    changes: dict[str, Any], size: int | None, method: Method
) -> None:
    assert task_of(a_finding(size), settings(**changes)).method is method


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def a_run(store: LocalStore, run_id: str, **options: Any) -> RunFolder:
    return find_or_create(store, TargetLock(store, folder_place(run_id), None, 60, print), options, run_id, NOW)[0]


def test_c19_copies_are_made_as_the_run_that_was_checked_makes_them(store: LocalStore) -> None:
    made = settings(storage_class="STANDARD_IA", preserve_etags=True, is_relayed=True, overwrite=Overwrite.NEVER)
    put_recipe(a_run(store, "m1"), made)
    found = copy_settings_of(a_run(store, "c1"), CONFIG, "m1", SEEN)
    assert (found.storage_class, found.preserve_etags, found.is_relayed) == ("STANDARD_IA", True, True)
    assert found.overwrite is Overwrite.ALWAYS
    assert found.planned_at > SEEN


@pytest.mark.parametrize(
    ("mode", "target", "is_relayed"),
    [
        (Mode.COPY, Access(region_name="us-east-1"), False),
        (Mode.DOWNUP, Access(region_name="us-east-1"), True),
        (Mode.COPY, Access(endpoint_url="http://another:9000", region_name="us-east-1"), True),
    ],
)
def test_without_a_run_the_options_say_it(store: LocalStore, mode: Mode, target: Access, is_relayed: bool) -> None:
    access = AccessConfig(source=CONFIG.access.source, target=target)
    config = Config(CONFIG.source, CONFIG.target, copy=CopyConfig(mode), access=access)
    found = copy_settings_of(a_run(store, "c1"), config, None, SEEN)
    assert found.is_relayed is is_relayed
    assert found.conditions == (AS_S3 if target.endpoint_url is None else NONE_HEEDED)


def test_a_recipe_of_an_older_version_tells_its_mode_by_the_options(store: LocalStore) -> None:
    for run_id, mode in (("old", "downup"), ("older", "copy")):
        folder = a_run(store, run_id, **{"copy.mode": mode})
        put_recipe(folder, settings(is_relayed=True))
        value = folder.get_json(FILE) or {}
        del value["is_relayed"], value["multipart_threshold_bytes"], value["conditions"]
        value["preconditions"] = True  # tried with one form, and believed of all
        folder.put_json(FILE, value)
        found = recipe_of(folder)
        assert found is not None
        assert (found.is_relayed, found.multipart_threshold_bytes) == (mode == "downup", COPY_OBJECT_MAX_BYTES)
        assert (found.conditions, tried_before(folder)) == (NONE_HEEDED, None)  # so a driver tries them out


def test_a_check_has_nothing_that_could_be_tried_again_from_its_tables(store: LocalStore) -> None:
    """`retry --from-run` of a check whose findings were requeued ended in a KeyError."""
    folder = a_run(store, "c1")
    put_recipe(folder, settings())
    folder.commit(FINDINGS, {"files": []})
    folder.put_json("summary.json", {})
    with pytest.raises(ConfigError, match=r"run c1 is a check; `s3sync migrate --from-findings c1") as caught:
        recipe_or_refuse(folder)
    assert caught.value.place == "--from-run"
