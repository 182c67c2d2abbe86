"""With whose credentials each side is reached, once `access.copy` has filled the gaps.

| the side gives                  | profile, keys and token | role and external id | region, endpoint, style |
|---------------------------------|-------------------------|----------------------|-------------------------|
| a profile, a key or where it is | its own only            | its own only         | its own, else copy's    |
| a role, but no profile and key  | copy's                  | its own only         | its own, else copy's    |
| none of these                   | copy's                  | copy's               | its own, else copy's    |

So one side's key never meets another's token, and nobody's profile assumes a role that was meant for another. The
inventory has nothing from copy: its bucket is often another account's. Nor has `deploy`, which talks to EMR and not
to S3's side of things. Within one side a session token counts only
where its key comes from the same source or from a lower one: a stale token in a .env file would spoil the keys in
the environment.
"""

from collections.abc import Mapping

from s3sync.config.model import Access, AccessConfig
from s3sync.config.origins import Given

_KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
_IDENTITY = ("profile_name", "credentials_uri", *_KEYS)
_ROLE = ("role_arn", "external_id")
_PLACE = ("region_name", "endpoint_url", "addressing_style")


def side_fields(given: Mapping[str, Given], side: str) -> dict[str, Given]:
    """What was given for one side, by field of `Access`."""
    prefix = f"access.{side}."
    return {name.removeprefix(prefix): found for name, found in given.items() if name.startswith(prefix)}


def accesses(given: Mapping[str, Given]) -> AccessConfig:
    """The access of every side, as the table above says."""
    default = _without_stale_token(side_fields(given, "copy"))

    def side(name: str, default: Mapping[str, Given]) -> Access:
        own = _without_stale_token(side_fields(given, name))
        return Access(**{field: found.value for field, found in {**_inherited(own, default), **own}.items()})

    return AccessConfig(
        inventory=side("inventory", {}),
        source=side("source", default),
        target=side("target", default),
        queue=side("queue", default),
        work=side("work", default),
        deploy=side("deploy", {}),
    )


def _inherited(own: Mapping[str, Given], default: Mapping[str, Given]) -> dict[str, Given]:
    fields: tuple[str, ...] = _PLACE
    if not own.keys() & set(_IDENTITY):
        fields += _IDENTITY if own.keys() & set(_ROLE) else _IDENTITY + _ROLE
    return {field: default[field] for field in fields if field in default}


def _without_stale_token(own: dict[str, Given]) -> dict[str, Given]:
    token, key = own.get("aws_session_token"), own.get("aws_access_key_id")
    if token is not None and key is not None and token.layer < key.layer:
        return {field: found for field, found in own.items() if field != "aws_session_token"}
    return own
