"""What each source of the configuration gives: the YAML file, the .env file, the environment, the options.

All of them are read as text and go through the same parsers, so a value is written alike everywhere, and a YAML number
such as an account's id keeps its leading zeros. Nothing given is None: a YAML null, an empty variable. Every function
returns the settings given, by name, and raises ConfigError whose place is where the wrong one stands; a value that
may be a secret is never in the text (C12).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from io import StringIO
from pathlib import Path
from typing import Any

import yaml
from dotenv.parser import parse_stream

from s3sync.config.settings_transfer import BY_ENV, BY_NAME, Setting
from s3sync.config.values import did_you_mean, one_of, write_date
from s3sync.errors import ConfigError
from s3sync.model.keys import printable

_YAML = "tag:yaml.org,2002:"
_NULL = f"{_YAML}null"
_PLAIN = {
    f"{_YAML}{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "seq", "map", "value", "merge")
}
_PARENTS = {name.rpartition(".")[0] for name in BY_NAME} | {name.partition(".")[0] for name in BY_NAME}
_OWN_PREFIXES = (
    "S3SYNC_",
    "INVENTORY_",
    "COPY_",
    "SOURCE_",
    "TARGET_",
    "QUEUE_",
    "WORK_",
    "DEPLOY_",
    "DEAD_QUEUE_",
    "MAX_RECEIVE_",
)
_NO_SETTINGS = ("S3SYNC_TEST_", "S3SYNC_GATE")  # of this project's own tests and checks


class Layer(IntEnum):
    """The sources in the order of their precedence: a higher one wins."""

    FILE = 1
    ENV_FILE = 2
    ENVIRONMENT = 3
    OPTIONS = 4


@dataclass(frozen=True, slots=True)
class Given:
    """The value of one setting, and where it stands."""

    value: Any
    place: str
    layer: Layer


def from_yaml(path: Path) -> dict[str, Given]:
    given: dict[str, Given] = {}
    root = composed(path)
    if root is not None and root.tag != _NULL:
        read_mapping(path, root, "", given)
    return given


def _read_text(path: Path, option: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(str(path), "is not UTF-8 text") from None
    except OSError as error:
        raise ConfigError(str(path), f"cannot be read ({error.strerror}); give another file with {option}") from error


def composed(path: Path, option: str = "-c/--config-file") -> yaml.Node | None:
    """The tree of a YAML file; `option` is how a person names another one."""
    text = _read_text(path, option)
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = re.sub(r"'[^']{2,}'", "'...'", error.problem or "it cannot be read")
        raise ConfigError(f"{path}:{mark.line + 1 if mark else 1}", f"is not YAML: {problem}") from None
    except (yaml.YAMLError, RecursionError):
        raise ConfigError(str(path), "is not YAML: it has control characters or is nested too deeply") from None
    return node


def read_mapping(path: Path, node: yaml.Node, parent: str, given: dict[str, Given]) -> None:
    """Put the settings of a YAML mapping into `given`; `parent` is the section that it is, empty for all of them."""
    if not isinstance(node, yaml.MappingNode):
        place = f"{path}:{node.start_mark.line + 1}" + (f": {parent}" if parent else "")
        known = sorted({name[len(parent) :].lstrip(".").partition(".")[0] for name in _inside(parent)})
        raise ConfigError(place, f"must hold settings, each on its own line: {one_of(known)}")
    seen: set[str] = set()
    for key, value in node.value:
        word = key.value if isinstance(key, yaml.ScalarNode) else "?"
        name = f"{parent}.{word}" if parent else word
        place = f"{path}:{key.start_mark.line + 1}: {printable(name, 60)}"
        if word in seen:
            raise ConfigError(place, "is given twice; keep one of the two")
        seen.add(word)
        if name in BY_NAME:
            raw = _raw(value, BY_NAME[name], place)
            if raw is not None:
                given[name] = _parsed(BY_NAME[name], raw, place, Layer.FILE)
        elif name not in _PARENTS:
            raise ConfigError(place, f"is not a setting{_nearest(word, parent)}")
        elif value.tag != _NULL:
            read_mapping(path, value, name, given)


def _inside(parent: str) -> list[str]:
    return [name for name in BY_NAME if not parent or name.startswith(f"{parent}.")]


def _nearest(word: str, parent: str) -> str:
    """The setting that was probably meant: one of this section, or one of that name in another section."""
    here = sorted({name[len(parent) :].lstrip(".").partition(".")[0] for name in _inside(parent)})
    elsewhere = [name for name in BY_NAME if name.rpartition(".")[2] == word]
    if elsewhere:
        return f"; did you mean {one_of(elsewhere[:3])}?"
    return did_you_mean(word, here) or f"; known here: {one_of(here)}"


def _raw(node: yaml.Node, setting: Setting, place: str) -> str | list[str] | None:
    """The text, or the texts, of a YAML value."""
    if node.tag not in _PLAIN:
        raise ConfigError(place, "has a YAML tag (!...); write the value alone")
    if node.tag == _NULL:
        return None
    if not setting.is_list:
        if not isinstance(node, yaml.ScalarNode):
            raise ConfigError(place, "takes one value, not a list or a section")
        return str(node.value)
    if not isinstance(node, yaml.SequenceNode):
        raise ConfigError(place, "takes a list, such as [a, b], or one line a value that begins with '- '")
    for item in node.value:
        if not isinstance(item, yaml.ScalarNode) or item.tag == _NULL:
            raise ConfigError(place, "takes a list of plain values; one of them is empty or is itself a list")
    return [str(item.value) for item in node.value]


def from_env_file(path: Path) -> dict[str, Given]:
    """The variables of a .env file, as python-dotenv reads it. Nothing is expanded: `$` stands for itself.

    Names of other programs are ignored; an unknown name with one of our prefixes is an error.
    """
    text = _read_text(path, "-e/--env-file")
    given: dict[str, Given] = {}
    for binding in parse_stream(StringIO(text)):
        original = binding.original.string
        line = binding.original.line + len(original) - len(original.lstrip("\r\n"))
        if binding.error:
            raise ConfigError(f"{path}:{line}", "is not of the form NAME=value")
        name = binding.key
        if name is None or not (name in BY_ENV or name.startswith(_OWN_PREFIXES)):
            continue
        place = f"{path}:{line}: {printable(name, 60)}"
        if name not in BY_ENV:
            raise ConfigError(place, f"is not a variable of s3sync{did_you_mean(name, BY_ENV)}")
        if binding.value is None:
            raise ConfigError(place, "has no value; write NAME=value")
        _add_variable(given, name, binding.value, place, Layer.ENV_FILE)
    return given


def from_environment(environ: Mapping[str, str]) -> dict[str, Given]:
    """The environment is shared with other programs: only an unknown `S3SYNC_...` is an error."""
    given: dict[str, Given] = {}
    for name, text in environ.items():
        if name in BY_ENV:
            _add_variable(given, name, text, f"${name}", Layer.ENVIRONMENT)
        elif name.startswith("S3SYNC_") and not name.startswith(_NO_SETTINGS):
            raise ConfigError(f"${printable(name, 60)}", f"is not a variable of s3sync{did_you_mean(name, BY_ENV)}")
    return given


def _add_variable(given: dict[str, Given], name: str, text: str, place: str, layer: Layer) -> None:
    if not text:
        return
    setting = BY_ENV[name]
    if setting.name in given:
        raise ConfigError(place, "is given twice; keep one of the two")
    raw: str | list[str] = [part.strip() for part in text.split(",")] if setting.is_list else text
    given[setting.name] = _parsed(setting, raw, place, layer)


def from_options(options: Mapping[str, Any]) -> dict[str, Given]:
    """`options` has the settings' names; a value is text, a list of texts, or a plain value; None is not given."""
    given: dict[str, Given] = {}
    for name, value in options.items():
        if name not in BY_NAME:
            raise ConfigError(name, f"is not a setting{did_you_mean(name, BY_NAME)}")
        if value is not None:
            setting = BY_NAME[name]
            raw = _texts(value) if setting.is_list else _text(value)
            given[name] = _parsed(setting, raw, option_title(setting, raw), Layer.OPTIONS)
    return given


def option_title(setting: Setting, raw: str | Sequence[str] | None = None) -> str:
    """The option that gives `raw`, or any value where none is named, as in a message; the setting's name else."""
    for option in setting.options:
        if raw is None or option.value in (None, raw):
            return option.title
    return setting.name


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return write_date(value) if isinstance(value, datetime) else str(value)


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [_text(item) for item in value]


def _parsed(setting: Setting, raw: str | list[str], place: str, layer: Layer) -> Given:
    try:
        if isinstance(raw, str):
            return Given(_one(setting, raw), place, layer)
        # A value given twice counts once: an object must not be listed twice.
        return Given(tuple(dict.fromkeys(_one(setting, item) for item in raw)), place, layer)
    except ValueError as error:
        raise ConfigError(place, str(error)) from None


def _one(setting: Setting, text: str) -> Any:
    if not text and not setting.kind.may_be_empty:
        raise ValueError("is empty; give a value, or leave it out")
    return setting.kind.parse(text)
