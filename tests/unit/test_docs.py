"""What the docs show is so: commands parse, options and files exist, tables have these columns."""

import json
import re
from pathlib import Path

import pytest

from s3sync import errors
from s3sync.cli.commands import COMMANDS
from s3sync.cli.options import command_parser, parse
from s3sync.model import tables
from s3sync.model.outcome import ErrorClass, Status
from s3sync.queues.messages import Message, QueuedTask, to_text
from tests.unit.queues.test_message import task_for

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
ENVIRON = {"QUEUE_NAME_PATTERN": r"s3sync-\d+", "DEAD_QUEUE_NAME": "s3sync-dead"}  # as docs/queues.md begins
TABLE_ROW = re.compile(r"^\| ([a-z_]+) \| [a-z0-9]+ \|", re.MULTILINE)


def command_lines(text: str) -> list[list[str]]:
    """The arguments of each `s3sync ...` and `spark-submit jobs/....py ...` line of the fenced blocks."""
    found = []
    for line in "\n".join(FENCE.findall(text)).replace("\\\n", " ").splitlines():
        words = line.strip().removeprefix("$ ").split(" #")[0].split()
        jobs = [n for n, word in enumerate(words) if re.fullmatch(r"jobs/\w+\.py", word)]
        if words[:1] == ["s3sync"]:
            found.append(_without_redirection(words[1:]))
        elif words[:1] == ["./submit.sh"]:
            found.append(["submit", *words[1:]])
        elif words[:1] == ["spark-submit"] and jobs:
            found.append([Path(words[jobs[0]]).stem, *words[jobs[0] + 1 :]])
    return found


def _without_redirection(words: list[str]) -> list[str]:
    return words[: words.index(">")] if ">" in words else words


def is_shape(words: list[str]) -> bool:
    """A line with placeholders in capitals (`ARGUMENTS`) or an ellipsis shows a form, not a command."""
    return any(word == "..." or re.fullmatch(r"[A-Z]{3,}", word) for word in words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_parse(page, tmp_path):
    for words in command_lines(page.read_text()):
        if not is_shape(words) and "--help" not in words:
            parse(words, ENVIRON, tmp_path)


def known_options() -> set[str]:
    return {
        option
        for command in COMMANDS
        for action in command_parser(command)._actions
        for option in action.option_strings
    }


# Options of other programs that the docs name.
FOREIGN = {
    "--archives",
    "--py-files",
    "--conf",
    "--master",
    "--deploy-mode",
    "--server",
    "--forbid-skips",
    "--allow-skip",
}


def named_options(text: str) -> set[str]:
    inline = re.findall(r"`([^`\n]+)`", FENCE.sub("", text))
    ours = [code for code in inline if not code.startswith("python -m benchmarks.")]  # they have options of their own
    return {word.split("=")[0] for code in ours for word in code.split() if re.fullmatch(r"--[a-z][a-z-]+(=.*)?", word)}


WITH_OPTIONS = ("README.md", "running.md", "listing.md", "emr.md", "operations.md", "moving-over.md")
# Those of the tool that s3sync replaces, by its manual.
OLD_OPTIONS = {
    *("--config-file", "-c", "--env-file", "-e", "--manifest-path", "-m", "--source-bucket", "-s"),
    *("--target-bucket", "-t", "--batch-num", "-b", "--prefix", "--tmp-dir", "--owner", "--no-owner", "--mode"),
    *("--queue-num", "-n", "--including-dead", "-d", "--verify", "-v", "--sleep-sec", "--modified-since"),
    *("--not-modified-since", "--queue-name-pattern", "--dead-queue-name", "--max-receive-num"),
}


def test_each_old_option_is_an_option_still_and_told_of():
    told = re.findall(r"`(--?[a-z-]+)", (ROOT / "docs/moving-over.md").read_text())
    assert len(OLD_OPTIONS) == 29
    assert known_options() >= OLD_OPTIONS
    assert set(told) >= OLD_OPTIONS


@pytest.mark.parametrize("page", [p for p in PAGES if p.name in WITH_OPTIONS], ids=lambda page: page.name)
def test_options_exist(page):
    assert named_options(page.read_text()) - known_options() - FOREIGN == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_named_files_exist(page):
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (page.parent / target).exists(), target
    for name in re.findall(r"`((?:tests|s3sync|conf|docs|jobs|benchmarks)/[\w/.-]+\.(?:py|md|yml|json|conf))`", text):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_exist(page):
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z][a-z0-9-]*)", page.read_text(), re.MULTILINE))
    assert named <= targets


@pytest.mark.parametrize(
    ("section", "schema"), [("listing", tables.LISTING), ("plan", tables.PLAN), ("outcomes", tables.OUTCOMES)]
)
def test_tables_have_these_columns(section, schema):
    text = (ROOT / "docs/tables.md").read_text()
    (found,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert TABLE_ROW.findall(found)[1:] == schema.names  # the first row is the heading


def test_messages_have_these_fields():
    """A message in which every field is given, beside the two tables of its section."""
    text = (ROOT / "docs/tables.md").read_text()
    (found,) = re.findall(r"^## Messages\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    message, task = (
        {name for names in re.findall(r"^\| ([a-z_, ]+) \|", table, re.MULTILINE) for name in names.split(", ")}
        for table in found.split("| field of a task |")
    )
    full = task_for(target_key="b", version_id="v", target_etag="e")
    queued = QueuedTask(full, 2, Status.FAILED, "AccessDenied", ErrorClass.DENIED, "no", forgiven=1)
    value = json.loads(to_text(Message("run", "from", "to", (queued,))))
    assert value.keys() == message - {"field"}
    assert value["tasks"][0].keys() == task


def test_exit_codes_are_those_of_the_code():
    text = (ROOT / "docs/running.md").read_text()
    codes = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    assert {int(code) for code in re.findall(r"^\| (\d) \|", text, re.MULTILINE)} == codes


def test_the_checks_of_the_docs_can_fail(tmp_path):
    """The negative control."""
    bad = "```\ns3sync migrate -s a-bucket -t b-bucket --no-such-option\n```\n`--nonsense`"
    ((*words,),) = command_lines(bad)
    with pytest.raises(errors.ConfigError):
        parse(words, {}, tmp_path)
    assert named_options(bad) - known_options() == {"--nonsense"}


def test_each_invariant_that_is_shown_is_cited_by_a_test_that_shows_it():
    text = (ROOT / "docs/invariants.md").read_text()
    for number, files in re.findall(r"^\| (C\d+) \|.*\| ([^|]+) \|$", text, re.MULTILINE):
        named = re.findall(r"`([^`]+)`", files)
        cited = [name for name in named if re.search(rf"\b_?{number}\b|_{number.lower()}_", (ROOT / name).read_text())]
        assert cited, f"{number}: none of {named} cites it"
