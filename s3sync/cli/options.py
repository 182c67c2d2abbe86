"""The command line as a value: which command, with which configuration.

A command is an entry of `commands.COMMANDS`; its options follow from the table of settings. Nothing here prints or
exits, but for `--help` and `--version`.
"""

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from s3sync import __version__
from s3sync.cli.commands import COMMANDS
from s3sync.config.load import load
from s3sync.config.model import Config, Mode
from s3sync.config.origins import option_title
from s3sync.config.settings_transfer import BY_NAME, SECTIONS, SETTINGS, Command, Option, Setting
from s3sync.config.values import did_you_mean, one_of, shown, split_s3_uri
from s3sync.errors import ConfigError
from s3sync.model.keys import printable

CONFIG_FILE = Path("conf/config.yml")
ENV_FILE = Path(".env")

_EPILOG = (
    f"Options come before the environment, it before the .env file, that before {CONFIG_FILE}, which describes every "
    "setting. Sizes are written 64MiB, durations 15m, dates 2026-01-31T18:00:00Z. Keys and tokens are no options, "
    "since others can see command lines: see conf/env.example."
)
_URI_HELP = "; s3://BUCKET/FOLDER/ is understood too"
_SECRET_WORDS = re.compile(r"secret|token|access-key|password", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Invocation:
    """`extra` has what is no setting: `config_file` and `env_file`, the files read, None where none was; the
    command's own extras; and for those that start further jobs `options`, the settings given on the command line."""

    command: Command
    config: Config
    extra: argparse.Namespace


class _Parser(argparse.ArgumentParser):
    """Raises ConfigError where argparse would print its usage and exit."""

    def error(self, message: str) -> NoReturn:
        found = re.fullmatch(r"argument (\S+): (.*)", message, re.DOTALL)
        place, problem = (found[1], found[2]) if found else (self.prog, message)
        if problem == "expected one argument":
            problem = "needs a value; one that begins with '-' is written behind '=', such as --prefix=-a"
        elif problem.startswith("ignored explicit argument"):
            problem = "takes no value"
        raise ConfigError(place, f"{printable(problem)}; see `{self.prog} --help`")


def parse(argv: Sequence[str], environ: Mapping[str, str], folder: Path = Path()) -> Invocation:
    """Read the command line without the program's name. `folder` is where the default files are looked for.

    Raises ConfigError for everything that is wrong, SystemExit(0) after `--help` and `--version`.
    """
    command = _command(argv)
    parser = command_parser(command)
    found, rest = parser.parse_known_args(list(argv[1:]))
    if rest:
        _refuse(rest[0], parser.prog, command)
    check = COMMANDS[command].check
    if check is None:
        return Invocation(command, Config(), argparse.Namespace(config_file=None, env_file=None))
    options = vars(found)
    config_file = _file(options.pop("config_file"), folder / CONFIG_FILE)
    env_file = _file(options.pop("env_file"), folder / ENV_FILE)
    extra = argparse.Namespace(config_file=config_file, env_file=env_file)
    for each in COMMANDS[command].extras:
        name = each.strings[-1].lstrip("-").replace("-", "_")
        setattr(extra, name, options.pop(name))
    if command is Command.LIST and extra.place is not None:
        if "source.bucket" in options:
            raise ConfigError("-s/--source-bucket", f"and {shown(extra.place)} both say what to list; leave one away")
        options["source.bucket"] = extra.place
    extra.options = _without_uris(options)
    config = load({**extra.options, **_FIXED.get(command, {})}, environ, config_file, env_file)
    _refuse_check_options(command, config, extra.options)
    check(config)
    return Invocation(command, config, extra)


_FIXED: Mapping[Command, Mapping[str, str]] = {Command.CHECK: {"copy.mode": Mode.CHECK.value}}


def _refuse_check_options(command: Command, config: Config, options: Mapping[str, Any]) -> None:
    """Options of a check mean nothing to a migration; an option that does nothing is a mistake."""
    if command is not Command.MIGRATE or config.copy.mode is Mode.CHECK:
        return
    for name in options:
        if name.startswith("check.") or name == "inventory.target_manifests":
            title = option_title(BY_NAME[name])
            raise ConfigError(title, "belongs to a check; use `s3sync check`, or give --mode check")


def _command(argv: Sequence[str]) -> Command:
    first = argv[0] if argv else ""
    if first in ("-h", "--help", "--version"):
        _top_parser().parse_args(list(argv[:1]))
    if first in tuple(Command):
        return Command(first)
    if not first or first.startswith("-"):
        raise ConfigError("s3sync", f"the command comes first: s3sync {one_of(COMMANDS)}; see `s3sync --help`")
    raise ConfigError("s3sync", f"{shown(first)} is no command{did_you_mean(first, COMMANDS)}; see `s3sync --help`")


def _top_parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="s3sync", description="Move S3 buckets of any size with Spark.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"s3sync {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND")
    for command, spec in COMMANDS.items():
        commands.add_parser(command, help=spec.help)
    return parser


def command_parser(command: Command) -> argparse.ArgumentParser:
    """The command's options; what it parses has the settings' names and only what was given."""
    spec = COMMANDS[command]
    parser = _Parser(
        prog=f"s3sync {command}",
        usage=f"s3sync {command} {spec.usage}" if spec.check else None,
        description=f"{spec.help[0].upper()}{spec.help[1:]}.",
        epilog=_EPILOG if spec.check else None,
        allow_abbrev=False,
        formatter_class=lambda prog: argparse.HelpFormatter(prog, max_help_position=32),
    )
    parser.add_argument("--version", action="version", version=f"s3sync {__version__}")
    if spec.check is None:
        return parser
    for extra in spec.extras:
        parser.add_argument(*extra.strings, help=extra.help, **extra.more)
    parser.add_argument(
        "-c",
        "--config-file",
        type=Path,
        metavar="FILE",
        help=f"YAML file of settings (default: {CONFIG_FILE}, where it is there)",
    )
    parser.add_argument(
        "-e",
        "--env-file",
        type=Path,
        metavar="FILE",
        help=f"file of environment variables (default: {ENV_FILE}, where it is there)",
    )
    for section, title in SECTIONS.items():
        group = parser.add_argument_group(title)
        for setting in SETTINGS:
            if setting.section == section and command in setting.commands:
                _add(group, setting)
    return parser


def _add(group: "argparse._ArgumentGroup", setting: Setting) -> None:
    holder = group.add_mutually_exclusive_group() if len(setting.options) > 1 else group
    for option in setting.options:
        text = _help(setting, option)
        add = partial(holder.add_argument, *option.strings, dest=setting.name, default=argparse.SUPPRESS, help=text)
        if option.value is not None:
            add(action="store_const", const=option.value)
        else:
            add(action="append" if setting.is_list else "store", metavar=setting.kind.name)


def _help(setting: Setting, option: Option) -> str:
    text = option.help or setting.help
    if setting.name in ("source.bucket", "target.bucket"):
        text += _URI_HELP
    if setting.is_list:
        text += "; may be repeated"
    if option.value is None and setting.default_text and ", else " not in text:
        text += f" (default: {setting.default_text})"
    return text.replace("%", "%%")


def _refuse(word: str, prog: str, command: Command) -> NoReturn:
    """What follows an unknown option may be a secret, so only the option's name is repeated."""
    name = printable(word.partition("=")[0], 60)
    if not name.startswith("-"):
        raise ConfigError(prog, f"{shown(word)} belongs to no option; see `{prog} --help`")
    if _SECRET_WORDS.search(name):
        raise ConfigError(
            name, "is no option, since others can see command lines; use a variable, see conf/env.example"
        )
    known = ["--help"] if COMMANDS[command].check is None else ["--help", "--config-file", "--env-file"]
    known += [string for extra in COMMANDS[command].extras for string in extra.strings]
    known += [
        string
        for setting in SETTINGS
        if command in setting.commands
        for option in setting.options
        for string in option.strings
    ]
    raise ConfigError(name, f"is no option of {prog}{did_you_mean(name, known)}; see `{prog} --help`")


def _file(asked: Path | None, default: Path) -> Path | None:
    return asked or (default if default.is_file() else None)


def _without_uris(options: Mapping[str, Any]) -> dict[str, Any]:
    """`-s s3://bucket/folder` is the bucket and one more prefix, `-t s3://bucket/folder` the bucket and the target
    prefix. The path of a URI names a folder: a missing `/` at its end is added, or `photos` would be `photos2` too."""
    result = dict(options)
    bucket, folder = _split(options, "source.bucket", "-s/--source-bucket")
    if bucket:
        result["source.bucket"] = bucket
        if folder:
            result["source.prefixes"] = [*options.get("source.prefixes", ()), folder]
    bucket, folder = _split(options, "target.bucket", "-t/--target-bucket")
    if bucket:
        result["target.bucket"] = bucket
        if folder and options.get("target.prefix", folder) != folder:
            raise ConfigError(
                "--target-prefix", f"differs from the prefix of -t, {shown(folder)}; leave one of them away"
            )
        if folder:
            result["target.prefix"] = folder
    return result


def _split(options: Mapping[str, Any], name: str, place: str) -> tuple[str, str]:
    text = options.get(name) or ""
    if not text.startswith("s3://"):
        return "", ""
    try:
        bucket, folder = split_s3_uri(text)
    except ValueError as error:
        raise ConfigError(place, str(error)) from None
    return bucket, folder if not folder or folder.endswith("/") else f"{folder}/"
