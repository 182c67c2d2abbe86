"""What the policies must know and the configuration does not say: accounts, regions, principals and keys."""

import re
from dataclasses import replace
from typing import Any

from s3sync.aws.clients import client
from s3sync.aws.endpoints import bucket_region
from s3sync.aws.probes.identity import caller
from s3sync.aws.probes.sides import Refusal, Side, asked, sides
from s3sync.config.model import Config
from s3sync.deploy.policies import PolicyFacts, SideFacts
from s3sync.model.closed_sets import partition_of

_ASSUMED = re.compile(r"arn:(?P<partition>[a-z-]+):sts::(?P<account>[0-9]+):assumed-role/(?P<role>[^/]+)/.*")


def facts_of(config: Config) -> PolicyFacts:
    """Asked of AWS where it answers; what stays unknown has a name in capitals."""
    source, target = (_facts(side, config) for side in sides(config))
    return PolicyFacts(source, target)


def role_arn(arn: str) -> str:
    """The role of a session: policies name roles, not sessions. The role's path is not in a session's ARN."""
    found = _ASSUMED.fullmatch(arn)
    return f"arn:{found['partition']}:iam::{found['account']}:role/{found['role']}" if found else arn


def _facts(side: Side, config: Config) -> SideFacts:
    region = asked(lambda: bucket_region(side.s3, side.bucket))
    region = region if isinstance(region, str) else side.access.region_name
    partition = partition_of(region)
    found = SideFacts(region, partition, principal=f"arn:{partition}:iam::JOB-ACCOUNT:role/JOB-ROLE")
    me = asked(lambda: caller(side.access)) if side.is_aws else Refusal("", "")
    if not isinstance(me, Refusal):
        found = replace(found, principal=side.access.role_arn or role_arn(me["Arn"]), account=me["Account"])
    if side.expected_owner:
        found = replace(found, account=side.expected_owner)
    return replace(found, kms_key_arn=_key(side, config, found))


def _key(side: Side, config: Config, facts: SideFacts) -> str | None:
    """The key that objects of this side are encrypted with: that of the configuration, else the bucket's default."""
    key = config.target.kms_key_id if side.title == "target" else None
    if key is None:
        answer: Any = asked(lambda: side.s3.get_bucket_encryption(**side.given))
        if isinstance(answer, Refusal):
            return None
        rules = answer["ServerSideEncryptionConfiguration"]["Rules"]
        key = rules[0].get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID") if rules else None
    if key is None or key.startswith("arn:"):
        return key
    told: Any = asked(lambda: client("kms", replace(side.access, endpoint_url=None)).describe_key(KeyId=key))
    if not isinstance(told, Refusal):
        return str(told["KeyMetadata"]["Arn"])
    kind = "" if key.startswith("alias/") else "key/"
    return f"arn:{facts.partition}:kms:{facts.region or 'REGION'}:{facts.account}:{kind}{key}"
