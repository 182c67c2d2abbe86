"""The table of settings covers the configuration, and the files in conf/ and the command's help cover the table."""

import re
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
import yaml

from s3sync.cli.commands import COMMANDS
from s3sync.cli.options import command_parser
from s3sync.config.load import load
from s3sync.config.model import Config, Secret
from s3sync.config.origins import from_env_file, from_environment
from s3sync.config.settings_transfer import BY_ENV, SECTIONS, SETTINGS

CONF = Path(__file__).parents[3] / "conf"
OPTIONS = [(setting, option) for setting in SETTINGS for option in setting.options]


def leaves(value, path=""):
    for field in fields(value):
        inner = getattr(value, field.name)
        name = f"{path}{field.name}"
        if is_dataclass(inner):
            yield from leaves(inner, f"{name}.")
        else:
            yield name


def test_every_field_has_one_setting_and_every_setting_its_field():
    named = [setting.field for setting in SETTINGS if setting.field is not None]
    assert sorted(named) == sorted(leaves(Config()))


def test_names_variables_and_options_are_each_used_once():
    for words in (
        [setting.name for setting in SETTINGS],
        [name for setting in SETTINGS for name in setting.env],
        [string for _, option in OPTIONS for string in option.strings],
    ):
        assert len(words) == len(set(words))


def test_c12_no_option_takes_a_key_or_a_token():
    secret = [setting for setting in SETTINGS if setting.kind.secret]
    assert len(secret) == 14
    assert not any(setting.options for setting in secret)
    assert not any(word in option.title for _, option in OPTIONS for word in ("secret", "token", "access-key"))


def test_secret_fields_become_secrets():
    config = load({}, {"TARGET_AWS_ACCESS_KEY_ID": "AK", "TARGET_AWS_SECRET_ACCESS_KEY": "sk"}, None, None)
    assert isinstance(config.access.target.aws_secret_access_key, Secret)


def test_the_configuration_file_gives_exactly_the_defaults():
    assert load({}, {}, CONF / "config.yml", None) == Config()


def test_the_configuration_file_has_every_setting():
    def names(node, path=""):
        for key, value in node.items():
            yield from names(value, f"{path}{key}.") if isinstance(value, dict) else [f"{path}{key}"]

    assert list(names(yaml.safe_load((CONF / "config.yml").read_text()))) == [setting.name for setting in SETTINGS]


@pytest.mark.parametrize("setting", [s for s in SETTINGS if s.section != "access"], ids=lambda s: s.name)
def test_the_configuration_file_names_options_and_variables_beside_the_setting(setting):
    lines = (CONF / "config.yml").read_text().split("\n")
    section = lines.index(f"{setting.section}:")
    line = next(line for line in lines[section:] if line.startswith(f"  {setting.name.partition('.')[2]}:"))
    for word in (f"${setting.env[0]}", *(option.title for option in setting.options)):
        assert re.search(rf"{re.escape(word)}\b", line), (word, line)


def test_the_example_of_a_env_file_has_every_variable_and_gives_the_defaults(tmp_path):
    text = (CONF / "env.example").read_text()
    filled = tmp_path / "filled.env"
    filled.write_text(re.sub(r"^#([A-Z0-9_]+=)", r"\1", text, flags=re.MULTILINE))
    assert sorted(re.findall(r"^#([A-Z0-9_]+)=", text, re.MULTILINE)) == sorted(BY_ENV)
    assert load({}, {}, None, CONF / "env.example") == load({}, {}, None, filled) == Config()
    assert from_env_file(CONF / "env.example") == {}
    assert from_env_file(filled) != {}


def test_every_option_is_in_the_help_of_its_commands():
    for command, spec in COMMANDS.items():
        text = command_parser(command).format_help()
        for setting, option in OPTIONS:
            for string in option.strings:
                shown = re.search(rf"(^|\s){re.escape(string)}[ ,\n]", text) is not None
                assert shown is (command in setting.commands), (command, string)
        assert ("--config-file" in text) is (spec.check is not None)


def test_every_section_has_a_title():
    assert (
        list(dict.fromkeys(setting.section for setting in SETTINGS))
        == list(SECTIONS)
        == [field.name for field in fields(Config)]
    )


@pytest.mark.parametrize("name", ["S3SYNC_TEST_ENDPOINT", "SOURCE_DATE_EPOCH", "COPY_X", "PATH"])
def test_foreign_variables_of_the_environment_are_left_alone(name):
    assert from_environment({name: "x"}) == {}
