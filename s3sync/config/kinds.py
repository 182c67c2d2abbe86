"""The ways to write a value that are of AWS: what a region, a role, a cluster or a queue is called."""

from dataclasses import replace

from s3sync.config.values import choice, matching
from s3sync.model.closed_sets import ENCRYPTIONS

REGION = matching("REGION", r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", "the name of a region, such as eu-west-1")
ROLE_ARN = matching(
    "ARN", r"arn:aws[a-z-]*:iam::[0-9]{12}:role/\S+", "the ARN of a role, such as arn:aws:iam::123456789012:role/copier"
)
ACCESS_KEY_ID = matching("ID", r"[!-~]{1,128}", "an access key id, such as AKIAIOSFODNN7EXAMPLE")
EXTERNAL_ID = matching("TEXT", r"[\w+=,.@:/-]{2,1224}", "an external id, such as customer-4711")
CREDENTIALS_URI = matching(
    "URI",
    r"(secretsmanager|ssm):[A-Za-z0-9/_+=.@:-]{1,1000}",
    "where keys are kept; write secretsmanager:NAME or ssm:NAME (the name or the ARN)",
)
ACCOUNT = matching("ACCOUNT", r"[0-9]{12}", "an account, which has 12 digits, such as 123456789012")
STORAGE_CLASS = matching("CLASS", r"[A-Za-z0-9_.-]{1,64}", "a storage class, such as STANDARD_IA")
ENCRYPTION = choice(*(name for name, kind in ENCRYPTIONS.items() if kind.can_be_set))
KMS_KEY = matching("KEY", r"[!-~]{1,2048}", "a KMS key; give its id, its ARN or alias/name")
CANNED_ACLS = (
    "private",
    "public-read",
    "public-read-write",
    "aws-exec-read",
    "authenticated-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
)
ACL = replace(choice(*CANNED_ACLS), name="ACL")
RUN_ID = matching(
    "ID", r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", "a run's id: letters, digits, '-', '_', '.', such as 2026-a"
)
CLUSTER_ID = matching("CLUSTER", r"j-[A-Z0-9]{3,20}", "the id of an EMR cluster, such as j-2AXXXXXXGAPLF")
APPLICATION_ID = matching(
    "APPLICATION", r"[0-9a-z]{1,64}", "the id of an EMR Serverless application, such as 00fexample123"
)
STACK = matching("NAME", r"[A-Za-z][A-Za-z0-9-]{0,127}", "the name of a CloudFormation stack, such as s3sync")
RELEASE = matching("LABEL", r"emr-(spark-)?[0-9]+\.[0-9]+\.[0-9]+", "a release of EMR, such as emr-7.13.0")
PYTHON = matching("PATH", r"/\S*python3\.[0-9]+", "the path of a Python with its version, such as /usr/bin/python3.11")
SPARK_CONF = matching("NAME=VALUE", r"spark\.[A-Za-z0-9_.-]+=.*", "a setting of Spark, such as spark.executor.cores=4")
SQS_ARN = matching(
    "QUEUE_ARN",
    r"arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,80}",
    "the ARN of a queue, such as arn:aws:sqs:...",
)
GROUP = matching("NAME", r"[A-Za-z0-9_.-]{1,64}", "the name of a group of schedules, such as s3sync")
QUEUE_NAME = matching("NAME", r"[A-Za-z0-9_-]{1,80}", "a queue's name, such as s3sync-dead")
