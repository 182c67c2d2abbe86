"""Key mapping: one key or a column, the prefix to list, and the mappings that are refused."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.config.model import TargetConfig
from s3sync.errors import MappingError
from s3sync.selection.mapping import Collision, KeyMapping, MappingFaults, check_mapping, too_long

TEXTS = st.text(st.sampled_from("ab/é😀\n%"), max_size=4)


def column(*keys: str) -> pa.Array:
    return pa.array(keys, pa.string())


@given(TEXTS, TEXTS, st.lists(TEXTS, max_size=8))
def test_a_column_is_mapped_as_its_keys_are_and_no_two_become_one(strip, prefix, rests):
    mapping = KeyMapping(strip, prefix)
    source_keys = [strip + rest for rest in rests if prefix + rest]
    mapped = mapping.target_keys(column(*source_keys)).to_pylist()
    assert mapped == [mapping.target_key(key) for key in source_keys]
    assert len(set(mapped)) == len(set(source_keys))


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_the_listed_target_prefix_covers_every_target_key(strip, prefix, source_prefix, rest):
    mapping, key = KeyMapping(strip, prefix), source_prefix + rest
    if key.startswith(strip) and mapping.prefix + key[len(strip) :]:
        assert mapping.target_key(key).startswith(mapping.source_prefix_to_target(source_prefix))


def test_source_prefix_to_target():
    mapping = KeyMapping("a/b/", "new/")
    assert mapping.source_prefix_to_target("a/b/c") == "new/c"
    assert mapping.source_prefix_to_target("a/") == "new/"
    assert mapping.source_prefix_to_target("") == "new/"
    with pytest.raises(MappingError, match=r"strip_prefix 'a/b/'"):
        mapping.source_prefix_to_target("a/c")


def test_without_prefixes_the_column_itself_comes_back():
    keys = column("a", "b")
    assert KeyMapping.of(TargetConfig()).target_keys(keys) is keys
    assert KeyMapping.of(TargetConfig(prefix="x/")).target_keys(keys).to_pylist() == ["x/a", "x/b"]


@pytest.mark.parametrize(
    ("mapping", "key", "words"),
    [
        (KeyMapping("a/", "b/"), "x\ny", "strip_prefix 'a/'"),
        (KeyMapping("a/"), "a/", "nothing|no target key would be left"),
    ],
)
def test_keys_without_a_target_key_are_named(mapping, key, words):
    with pytest.raises(MappingError, match=words) as one:
        mapping.target_key(key)
    with pytest.raises(MappingError, match=words) as many:
        mapping.target_keys(column("a/1", key, "a/2"))
    assert str(one.value) == str(many.value)
    assert "\n" not in str(one.value)


TABLE = [
    (("a",), (), "b", KeyMapping(), True, None),
    (("a",), (), "a", KeyMapping(), False, None),
    (("a",), (), "a", KeyMapping(), True, "onto itself"),
    (("a",), ("p/",), "a", KeyMapping("p/", "p/"), True, "onto itself"),
    (("a",), (), "a", KeyMapping("", "copy/"), True, "overlap"),
    (("a",), ("p/",), "a", KeyMapping("", "copy/"), True, None),
    (("a",), ("p/",), "a", KeyMapping("p/", "p/deep/"), True, "overlap"),
    (("a",), ("p/q/",), "a", KeyMapping("p/q/", "p/"), True, "overlap"),
    (("a",), ("p/", "copy/p/x/"), "a", KeyMapping("", "copy/"), True, "overlap"),
    (("a",), ("p/",), "a", KeyMapping("p/", "q/"), True, None),
    (("a",), ("x/",), "b", KeyMapping("p/", "q/"), False, "strip_prefix"),
]


@pytest.mark.parametrize(("source", "prefixes", "target", "mapping", "same_names", "error"), TABLE)
def test_mappings_into_what_is_read_are_refused(source, prefixes, target, mapping, same_names, error):
    if error is None:
        check_mapping(source[0], prefixes, target, mapping, same_names=same_names)
    else:
        with pytest.raises(MappingError, match=error):
            check_mapping(source[0], prefixes, target, mapping, same_names=same_names)


def test_too_long_counts_bytes_not_characters():
    keys = ["a" * 1024, "a" * 1025, "é" * 512, "é" * 512 + "a"]
    assert too_long(column(*keys)).to_pylist() == [False, True, False, True]


def test_faults_add_up_travel_and_speak():
    some = MappingFaults(1, (Collision("t", ("a\n", "b")),), 2, ("x" * 1030,) * 2)
    total = sum([some] * 12, MappingFaults())
    assert (total.collision_count, len(total.collisions), total.too_long_count, len(total.too_long)) == (12, 10, 24, 10)
    assert MappingFaults.from_json(total.to_json()) == total
    with pytest.raises(MappingError, match=r"^12 target keys have more than one source, such as 't' from 'a\\\\n' and"):
        total.raise_if_any()
    with pytest.raises(MappingError, match="2 target keys are longer than 1,024 bytes"):
        MappingFaults(too_long_count=2, too_long=some.too_long).raise_if_any()
    MappingFaults().raise_if_any()
