"""Bad options, variables and files: each ends with exit code 2 and one line that names the place and the way out.

A row is the arguments behind `migrate`, the variables, the configuration file, the .env file, and what the line must
say. Every row starts from a command that is right without it: `test_without_the_mistake_it_is_right`.
"""

from dataclasses import dataclass, field

import pytest

from s3sync import __version__
from s3sync.cli.main import main
from s3sync.cli.options import parse
from s3sync.config.model import Config, Owner
from s3sync.config.settings_transfer import Command
from s3sync.errors import EXIT_USER, ConfigError, UserError
from s3sync.model.task import Overwrite

RIGHT = "-s source-bucket -t target-bucket"
QUEUES = r"--queue-name-pattern q-\d+ --dead-queue-name q-dead"
SECRET = "hunter2SECRET"
ROLE = "arn:aws:iam::123456789012:role/copier"


@dataclass(frozen=True)
class Bad:
    says: tuple[str, ...]
    args: str = RIGHT
    command: str = "migrate"
    env: dict[str, str] = field(default_factory=dict)
    yml: str | bytes | None = None
    dotenv: str | bytes | None = None


def opt(more, *says, **rest):
    """RIGHT with one more option."""
    return Bad(says, f"{RIGHT} {more}", **rest)


def taking(more, *says, command="retry"):
    """QUEUES with one more option."""
    return Bad(says, f"{QUEUES} {more}", command)


def env(variables, *says, args=RIGHT):
    return Bad(says, args, env=variables)


def yml(text, *says, args=RIGHT):
    return Bad(says, args, yml=text)


def dotenv(text, *says):
    return Bad(says, dotenv=text)


BAD = [
    # the command
    Bad(("s3sync:", "the command comes first", "migrate", "--help"), "", command=""),
    Bad(("s3sync:", "'migrat' is no command", "did you mean migrate?"), "", command="migrat"),
    Bad(("s3sync:", "the command comes first"), RIGHT, command="--limit"),
    Bad(("--limit", "is no option of s3sync demo"), "--limit 3", command="demo"),
    # missing
    Bad(("-s/--source-bucket:", "is missing", "-m MANIFEST"), "-t target-bucket"),
    Bad(("-t/--target-bucket:", "is missing", "-t BUCKET"), "-s source-bucket"),
    Bad(("-t/--target-bucket:", "is missing"), "-m s3://reports/inventory/", command="plan"),
    # options as such
    opt("--target-bukcet b", "--target-bukcet:", "is no option of s3sync migrate", "did you mean --target-bucket?"),
    opt("--lim 3", "--lim:", "is no option"),  # no abbreviations
    opt("extra", "s3sync migrate:", "'extra' belongs to no option"),
    opt("--limit", "--limit:", "needs a value", "see `s3sync migrate --help`"),
    opt("--prefix -x", "--prefix:", "--prefix=-a"),
    opt("--verify=yes", "-v/--verify:", "takes no value"),
    opt(f"--source-aws-secret-access-key {SECRET}", "--source-aws-secret-access-key:", "others can see", "env.example"),
    opt(f"--target-session-token={SECRET}", "--target-session-token:", "others can see"),
    opt("--owner --no-owner", "--no-owner:", "not allowed with argument --owner"),
    # values
    Bad(("-s/--source-bucket:", "'Source+Bucket' is not a bucket's name"), "-s Source+Bucket -t target-bucket"),
    Bad(("-t/--target-bucket:", "'x' is not a bucket's name"), "-s source-bucket -t s3://x/folder"),
    Bad(("-t/--target-bucket:", "is not a bucket's name"), "-s source-bucket -t arn:aws:s3:::target-bucket"),
    opt("-m reports/manifest.json", "-m/--manifest-path:", "is not an S3 URI", "s3://"),
    opt("--limit 0", "--limit:", "'0' is not a whole number from 1"),
    opt("--limit -1", "--limit:", "'-1' is not a whole number"),
    opt("--limit many", "--limit:", "'many' is not a whole number"),
    opt("--max-requests-per-second 0", "--max-requests-per-second:", "'0' is not a whole number from 1"),
    opt("--max-requests-per-second fast", "--max-requests-per-second:", "'fast' is not a whole number"),
    taking("--max-requests-per-second 1.5", "--max-requests-per-second:", "'1.5' is not a whole number"),
    opt("--part-size 4MiB", "--part-size:", "too small", "5MiB"),
    opt("--part-size 6GiB", "--part-size:", "too large", "5GiB"),
    opt("--part-size 64M", "--part-size:", "is not a size", "64MiB"),
    opt("--multipart-threshold 6GiB", "--multipart-threshold:", "too large", "5GiB"),
    opt("--mode move", "--mode:", "not one of copy, downup or check"),
    opt("--mode check", "--mode:", "copies nothing", command="plan"),
    opt("--overwrite sometimes", "--overwrite:", "not one of always, changed or never"),
    opt("--modified-since 2026-01-31", "--modified-since:", "add a time and Z or +08:00"),
    opt("--not-modified-since 2026-01-31T00:00:00", "--not-modified-since:", "Z or +08:00"),
    opt("--modified-since yesterday", "--modified-since:", "not an ISO 8601 date"),
    opt("--progress-interval 5", "--progress-interval:", "is not a duration", "30s"),
    opt("--lock-timeout 0s", "--lock-timeout:", "out of range", "1s to 1d"),
    opt("--prefix s3://source-bucket/a", "--prefix:", "is a URI"),
    opt("--prefix=", "--prefix:", "is empty"),
    opt("--target-prefix " + "x" * 1025, "--target-prefix:", "longer than a key may be"),
    opt("--source-role-arn copier", "--source-role-arn:", "is not the ARN of a role", "arn:aws:iam::"),
    opt("--target-endpoint-url localhost:9000", "--target-endpoint-url:", "http://", "https://"),
    opt(f"--work-endpoint-url https://me:{SECRET}@host", "--work-endpoint-url:", "more than scheme, host"),
    opt("--queue-addressing-style virtul", "--queue-addressing-style:", "not one of path, virtual or auto"),
    opt("--expected-target-owner 1234", "--expected-target-owner:", "12 digits"),
    opt("--storage-class STANDRD", "--storage-class:", "not a storage class that S3 takes", "did you mean STANDARD?"),
    opt("--storage-class OUTPOSTS", "--storage-class:", "not a storage class that S3 takes"),
    opt("--only-storage-class glacier", "--only-storage-class:", "did you mean GLACIER?"),
    opt("--encryption AES512", "--encryption:", "not one of AES256, aws:kms or aws:kms:dsse"),
    opt("--acl public", "--acl:", "not one of private, public-read"),
    opt("--work-uri hdfs://name/work", "--work-uri:", "neither an S3 URI nor a folder"),
    opt("--run-id ../other", "--run-id:", "is not a run's id"),
    opt("--queue-name-pattern s3sync-(", "--queue-name-pattern:", "not a regular expression"),
    # queues
    opt("--max-receive-num 10", "--max-receive-num:", "is no option of s3sync migrate"),
    taking("--max-receive-num 11", "--max-receive-num:", "from 1 to 10"),
    taking("--visibility 13h", "--visibility:", "1s to 12h"),
    taking("--receive-wait 21s", "--receive-wait:", "0s to 20s"),
    taking("--sleep-sec soon", "--sleep-sec:", "is not a duration"),
    taking("--sleep-sec 3601", "--sleep-sec:", "the most is 1h"),
    taking("--max-minutes 0", "--max-minutes:", "from 1"),
    taking("-n -2", "-n/--queue-num:", "from -1"),
    taking("-n -1", "-n/--queue-num:", "-1 takes from no work queue", "-d"),
    taking("-n -1", "-n/--queue-num:", "-1 takes from no work queue", command="executor"),
    taking("--follow --no-follow", "--no-follow:", "not allowed"),
    taking("--limit 3", "--limit:", "is no option of s3sync retry"),
    taking("--from-run x -d", "--from-run:", "leave -n and -d away"),
    taking("--from-run ../x", "--from-run:", "is not a run's id"),
    Bad(("--queue-name-pattern:", "is missing", r"s3sync-\d+"), "", command="retry"),
    Bad(("--queue-name-pattern:", "is missing"), "--dead-queue-name q-dead", command="init"),
    Bad(("--dead-queue-name:", "is missing", "s3sync-dead"), "--queue-name-pattern q-", command="queues"),
    Bad(("--dead-queue-name:", "is not a queue's name"), "--dead-queue-name q.fifo", command="init"),
    Bad(("--queue-name-pattern:", "is missing"), RIGHT, command="enqueue"),
    Bad(("-s/--source-bucket:", "is missing"), QUEUES, command="commander"),
    Bad(("--yes", "is no option of s3sync retry"), f"{QUEUES} --yes", command="retry"),
    Bad(("--peek:", "invalid int value"), f"{QUEUES} --peek many", command="queues"),
    # contradictions
    opt("-v --overwrite always", "-v/--verify:", "--overwrite is always", "--overwrite changed"),
    opt("--kms-key-id alias/x", "--kms-key-id:", "--encryption aws:kms"),
    opt("--kms-key-id alias/x --encryption AES256", "--kms-key-id:", "--encryption aws:kms"),
    opt("--bucket-key --encryption aws:kms:dsse", "--bucket-key:", "--encryption aws:kms"),
    opt("--preserve-etags --encryption aws:kms", "--preserve-etags:", "--encryption aws:kms", "no MD5"),
    opt("--min-size 2KiB --max-size 1KiB", "--min-size:", "larger than --max-size"),
    opt(
        "--modified-since 2026-02-01T00:00:00Z --not-modified-since 2026-02-01T08:00:00+08:00",
        "--modified-since:",
        "not before --not-modified-since",
    ),
    opt("--owner -m s3://reports/m/", "--owner:", "-m/--manifest-path replaces it"),
    opt("--no-owner -m s3://reports/m/", "--no-owner:", "-m/--manifest-path replaces it"),
    opt("--strip-prefix a/ --prefix b/", "--strip-prefix:", "'a/'", "'b/'"),
    Bad(("-t/--target-bucket:", "onto itself", "--target-prefix"), "-s same-bucket -t same-bucket"),
    Bad(
        ("-t/--target-bucket:", "onto itself"),
        "-s same-bucket -t same-bucket --strip-prefix a/ --target-prefix a/ --prefix a/",
    ),
    Bad(
        ("--target-prefix:", "differs from the prefix of -t"),
        "-s source-bucket -t s3://target-bucket/a --target-prefix b",
    ),
    # checks
    Bad(("-s/--source-bucket:", "is missing", "--run-id"), "-t target-bucket", command="check"),
    Bad(("-t/--target-bucket:", "is missing", "--target-manifest-path"), "-s source-bucket", command="check"),
    Bad(("-t/--target-bucket:", "is missing", "--run-id"), "-s source-bucket --mode check"),
    opt("--deep-sample 1", "--deep-sample:", "'1' is not a share of objects", "1%", command="check"),
    opt("--deep-sample 0%", "--deep-sample:", "is not a share of objects", command="check"),
    opt("--deep-sample 101%", "--deep-sample:", "is not a share of objects", command="check"),
    opt("--deep --deep-sample 1%", "--deep-sample:", "--deep", "leave one", command="check"),
    opt("--max-deep-bytes 1GiB", "--max-deep-bytes:", "--deep-sample", command="check"),
    opt("--max-deep-bytes 0 --deep", "--max-deep-bytes:", "too small", command="check"),
    opt("--listings-only --deep", "--listings-only:", "--deep needs", command="check"),
    opt("--listings-only --metadata", "--listings-only:", "--metadata needs", command="check"),
    opt("--deep", "--deep:", "belongs to a check", "--mode check"),
    opt("--requeue", "--requeue:", "--dead-queue-name", command="check"),
    opt("--target-manifest-path s3://reports/m/", "--target-manifest-path:", "belongs to a check"),
    opt("--target-manifest-path m/", "--target-manifest-path:", "is not an S3 URI", command="check"),
    opt("--report-uri ftp://x/", "--report-uri:", "neither an S3 URI nor a folder", command="check"),
    opt("--limit 3", "--limit:", "is no option of s3sync check", command="check"),
    opt("--from-findings some -v", "-v/--verify:", "--from-findings", "leave -v away"),
    opt("--verdict size_differs", "--verdict:", "--from-findings"),
    opt("--from-findings some --verdict match", "--verdict:", "'match' is not one of missing_on_target"),
    opt("--from-findings some --verdict missing", "--verdict:", "is not one of missing_on_target"),
    opt("-m s3://reports/m/ --from-findings some", "--from-findings:", "-m/--manifest-path", "leave one"),
    Bad(("s3sync report", "RUN", "required", "s3sync report --help"), "", command="report"),
    Bad(("s3sync report:", "belongs to no option"), "one two", command="report"),
    # variables
    env({"SOURCE_AWS_ACCESS_KEY_ID": "AK"}, "$SOURCE_AWS_ACCESS_KEY_ID:", "without", "$SOURCE_AWS_SECRET_ACCESS_KEY"),
    env({"TARGET_AWS_SECRET_ACCESS_KEY": SECRET}, "$TARGET_AWS_SECRET_ACCESS_KEY:", "$TARGET_AWS_ACCESS_KEY_ID"),
    env({"WORK_AWS_SESSION_TOKEN": SECRET}, "$WORK_AWS_SESSION_TOKEN:", "$WORK_AWS_ACCESS_KEY_ID"),
    env({"COPY_EXTERNAL_ID": "id"}, "$COPY_EXTERNAL_ID:", "$COPY_ROLE_ARN"),
    env(
        {"COPY_AWS_ACCESS_KEY_ID": "AK", "COPY_AWS_SECRET_ACCESS_KEY": SECRET, "COPY_PROFILE_NAME": "p"},
        "$COPY_PROFILE_NAME:",
        "$COPY_AWS_ACCESS_KEY_ID",
        "keep the profile or the key",
    ),
    env(
        {"QUEUE_AWS_ACCESS_KEY_ID": "AK", "QUEUE_AWS_SECRET_ACCESS_KEY": SECRET},
        "--queue-profile-name:",
        "$QUEUE_AWS_ACCESS_KEY_ID",
        args=f"{RIGHT} --queue-profile-name p",
    ),
    env(
        {"SOURCE_AWS_ACCESS_KEY_ID": "AK", "SOURCE_AWS_SECRET_ACCESS_KEY": f"{SECRET}\n"},
        "$SOURCE_AWS_SECRET_ACCESS_KEY:",
        "white space",
    ),
    env(
        {"SOURCE_PROFILE_NAME": "p", "SOURCE_CREDENTIALS_URI": "ssm:/keys"},
        "$SOURCE_CREDENTIALS_URI:",
        "$SOURCE_PROFILE_NAME both say whose credentials",
    ),
    opt("--source-credentials-uri s3://x", "--source-credentials-uri:", "secretsmanager:NAME"),
    opt("--if-locked wait", "--if-locked:", "not one of fail or skip"),
    env({"INVENTORY_ROLE_ARN": "arn:aws:iam::12:role/x"}, "$INVENTORY_ROLE_ARN:", "ARN of a role"),
    env({"TARGET_REGION_NAME": "eu west"}, "$TARGET_REGION_NAME:", "the name of a region"),
    env({"QUEUE_NUM": "-1"}, "$QUEUE_NUM:", "whole number from 1"),
    env({"S3SYNC_COPY_TAGS": "maybe"}, "$S3SYNC_COPY_TAGS:", "write true or false"),
    env({"S3SYNC_SOURCE_PREFIXES": "a/,,b/"}, "$S3SYNC_SOURCE_PREFIXES:", "is empty"),
    env({"S3SYNC_COPY_PARTSIZE": "64MiB"}, "$S3SYNC_COPY_PARTSIZE:", "did you mean S3SYNC_COPY_PART_SIZE?"),
    env({"S3SYNC_BUCKET": "b"}, "$S3SYNC_BUCKET:", "is not a variable of s3sync"),
    env({"S3SYNC_PLAN_OVERWRITE": "always"}, "-v/--verify:", "$S3SYNC_PLAN_OVERWRITE is always", args=f"{RIGHT} -v"),
    # .env files
    dotenv("\n\nTARGET_REGOIN_NAME=x", ".env:3: TARGET_REGOIN_NAME:", "did you mean TARGET_REGION_NAME?"),
    dotenv("QUEUE_NUMBER=2", ".env:1: QUEUE_NUMBER:", "did you mean QUEUE_NUM?"),
    dotenv("# c\nCOPY_PROFILE_NAME", ".env:2: COPY_PROFILE_NAME:", "write NAME=value"),
    dotenv("A=1\nCOPY_PROFILE_NAME=a\nCOPY_PROFILE_NAME=b", ".env:3: COPY_PROFILE_NAME:", "given twice"),
    dotenv(f"A=1\n{SECRET} nonsense here", ".env:2:", "NAME=value"),
    dotenv("QUEUE_NUM=x", ".env:1: QUEUE_NUM:", "'x' is not a whole number"),
    dotenv(b"A=\xff", ".env:", "is not UTF-8"),
    opt("-e nowhere.env", "nowhere.env:", "No such file", "-e/--env-file"),
    # YAML files
    opt("-c nowhere.yml", "nowhere.yml:", "No such file", "-c/--config-file"),
    opt("-c .", ".:", "Is a directory", "-c/--config-file"),
    yml("copy:\n  partsize: 64MiB\n", "config.yml:2: copy.partsize:", "did you mean part_size?"),
    yml("part_size: 64MiB\n", "config.yml:1: part_size:", "did you mean copy.part_size?"),
    yml("cpoy: {}\n", "config.yml:1: cpoy:", "did you mean copy?"),
    yml("access: {sauce: {}}\n", "config.yml:1: access.sauce:", "did you mean source?"),
    yml("access: {source: {zzz: 1}}\n", "config.yml:1: access.source.zzz:", "known here: ", "profile_name"),
    yml("copy:\n  part_size: many\n", "config.yml:2: copy.part_size:", "'many' is not a size"),
    yml("copy:\n  mode: [copy]\n", "config.yml:2: copy.mode:", "takes one value"),
    yml("source:\n  prefixes: a/\n", "config.yml:2: source.prefixes:", "takes a list, such as [a, b]"),
    yml("source: {prefixes: [[a]]}\n", "config.yml:1: source.prefixes:", "plain values"),
    yml("source: {prefixes: [a, ]}\nsource: {}\n", "config.yml:2: source:", "given twice"),
    yml("copy:\n  mode: copy\n  mode: downup\n", "config.yml:3: copy.mode:", "given twice"),
    yml("copy: fast\n", "config.yml:1: copy:", "must hold settings", "in_flight"),
    yml("- copy\n", "config.yml:1:", "must hold settings", "source"),
    yml("copy: {mode: copy\n", "config.yml:", "is not YAML"),
    yml("copy:\n\tmode: copy\n", "config.yml:2:", "is not YAML"),
    yml("copy: {}\n---\ncopy: {}\n", "config.yml:2:", "is not YAML", "another document"),
    yml("copy: {mode: !!python/name:os.system x}\n", "config.yml:1: copy.mode:", "has a YAML tag"),
    yml("copy: {mode: !env MODE}\n", "config.yml:1: copy.mode:", "has a YAML tag"),
    yml("copy: \x00\n", "config.yml:", "is not YAML"),
    yml("[" * 5000, "config.yml", "is not YAML"),
    yml(b"copy: \xff\n", "config.yml:", "is not UTF-8"),
    yml("target: {bucket: ''}\n", "config.yml:1: target.bucket:", "is empty", args="-s source-bucket"),
    yml(
        f"access: {{target: {{aws_secret_access_key: [{SECRET}]}}}}\n",
        "config.yml:1: access.target.aws_secret_access_key:",
        "takes one value",
    ),
    yml(f"access:\n  target: {SECRET}\n", "config.yml:2: access.target:", "must hold settings"),
    yml(f"access: {{target: {{aws_secret_access_key: *{SECRET}}}}}\n", "config.yml:1:", "undefined alias"),
    yml("plan: {overwrite: always, verify: yes}\n", "config.yml:1: plan.verify:", "plan.overwrite is always"),
]


def run(bad, folder):
    for name, text in (("config.yml", bad.yml), (".env", bad.dotenv)):
        path = folder / "conf" / name if name == "config.yml" else folder / name
        if text is not None:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
    argv = [*([bad.command] if bad.command else []), *bad.args.split()]
    return parse(argv, {"PATH": "/bin", **bad.env}, folder)


@pytest.mark.parametrize("bad", BAD, ids=[f"{at}: {' '.join(bad.says)[:60]}" for at, bad in enumerate(BAD)])
def test_a_mistake_is_one_line_and_exit_code_2(bad, tmp_path):
    with pytest.raises(UserError) as caught:
        run(bad, tmp_path)
    line = str(caught.value)
    assert isinstance(caught.value, ConfigError)
    assert caught.value.exit_code == EXIT_USER == 2
    assert "\n" not in line
    assert len(line) < 400
    for text in bad.says:
        assert text in line
    place = bad.says[0].rstrip(":")
    assert caught.value.place.replace(f"{tmp_path}/", "").removeprefix("conf/").startswith(place)
    assert SECRET not in line  # C12


def test_the_table_is_long_and_no_row_is_there_twice():
    assert len(BAD) >= 100
    assert len({repr(bad) for bad in BAD}) == len(BAD)


def test_without_the_mistake_it_is_right(tmp_path):
    invocation = run(Bad((), RIGHT), tmp_path)
    assert invocation.command is Command.MIGRATE
    assert invocation.config.source.bucket == "source-bucket"
    assert invocation.extra.config_file is None


def right(arguments, **variables):
    return parse(f"migrate {arguments}".split(), variables).config


def test_short_and_long_options_of_the_old_tool(tmp_path):
    (tmp_path / "c.yml").write_text("sqs: {queue_num: 4}")
    (tmp_path / "v.env").write_text("COPY_REGION_NAME=eu-west-1")
    short = right(f"-c {tmp_path}/c.yml -e {tmp_path}/v.env -s sss -t ttt -m s3://mmm/ -b 7 -v")
    long = right(
        f"--config-file {tmp_path}/c.yml --env-file {tmp_path}/v.env --source-bucket sss --target-bucket ttt "
        "--manifest-path s3://mmm/ --batch-num 7 --verify"
    )
    assert short == long
    assert (short.sqs.queue_num, short.sqs.batch_num, short.access.source.region_name) == (4, 7, "eu-west-1")
    assert (short.plan.verify, short.plan.overwrite) == (True, Overwrite.CHANGED)


def test_the_default_files_are_read_where_they_are(tmp_path):
    bad = Bad((), RIGHT, yml="copy: {in_flight: 7}", dotenv="S3SYNC_COPY_MAX_ATTEMPTS=8")
    invocation = run(bad, tmp_path)
    assert (invocation.config.copy.in_flight, invocation.config.copy.max_attempts) == (7, 8)
    assert invocation.extra.config_file == tmp_path / "conf/config.yml"
    assert invocation.extra.env_file == tmp_path / ".env"


def test_a_manifest_may_stand_for_the_source():
    config = right("-m s3://reports/a/ -m s3://reports/b/ -t target-bucket")
    assert config.inventory.manifests == ("s3://reports/a/", "s3://reports/b/")
    assert config.source.bucket is None


def test_uris_name_a_bucket_and_a_folder():
    config = right("-s s3://source-bucket/photos -t s3://target-bucket/backup/ --prefix music/")
    assert (config.source.bucket, config.source.prefixes) == ("source-bucket", ("music/", "photos/"))
    assert (config.target.bucket, config.target.prefix) == ("target-bucket", "backup/")
    bare = right("-s s3://source-bucket -t s3://target-bucket/")
    assert (bare.source.bucket, bare.source.prefixes, bare.target.prefix) == ("source-bucket", (), "")


def test_flags():
    config = right(f"{RIGHT} --no-owner --no-tags --no-verify-inventory --requester-pays --preserve-etags")
    assert config.filters.owner is Owner.OTHERS
    assert (config.copy.tags, config.inventory.verify_files) == (False, False)
    assert (config.source.requester_pays, config.copy.preserve_etags) == (True, True)
    assert right(f"{RIGHT} --owner").filters.owner is Owner.MINE


def test_plan_takes_what_migrate_takes():
    words = f"{RIGHT} --limit 3 --in-flight 7".split()
    assert parse(["plan", *words], {}).config == parse(["migrate", *words], {}).config


def test_the_demo_reads_no_configuration(tmp_path):
    (tmp_path / ".env").write_text("QUEUE_NUM=nonsense")
    assert parse(["demo"], {"S3SYNC_NONSENSE": "x"}, tmp_path).config == Config()


@pytest.mark.parametrize("words", [["--version"], ["migrate", "--version"]])
def test_version(words, capsys):
    with pytest.raises(SystemExit) as caught:
        parse(words, {})
    assert (caught.value.code, capsys.readouterr().out) == (0, f"s3sync {__version__}\n")


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["migrate", "--help"], ["plan", "-h"], ["demo", "--help"]])
def test_help(words, capsys):
    with pytest.raises(SystemExit) as caught:
        parse(words, {})
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("usage: s3sync")


@pytest.mark.parametrize(("argv", "begins"), [([], "s3sync: the command"), (["report"], "s3sync: report: the fol")])
def test_the_programs_name_stands_once_before_a_mistake(
    argv: list[str], begins: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == EXIT_USER
    assert capsys.readouterr().err.startswith(begins)
