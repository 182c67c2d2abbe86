"""Secrets in every place where s3sync takes them from, and the search for them in all that a job leaves behind."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tests.servers import Server

PROFILE, KEPT = "planted-source", "s3sync-e2e-target"


@dataclass(slots=True)
class Planted:
    """`environ` is the driver's. `places` hold secrets by right, so they are not searched.

    | side              | its keys stand in                                          |
    |-------------------|------------------------------------------------------------|
    | source            | a profile of the nodes' ~/.aws/credentials                 |
    | target            | Secrets Manager, fetched by each process for itself        |
    | work              | the .env file of the driver's folder                       |
    | queue             | conf/config.yml there                                      |
    | inventory, copy   | the driver's environment                                   |
    | AWS's usual chain | the default profile, with which Secrets Manager is asked   |
    """

    environ: dict[str, str] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)
    places: set[Path] = field(default_factory=set)

    def keys(self, server: Server, side: str) -> dict[str, str]:
        """Keys that occur nowhere else; on a server that checks them its own, without a token."""
        if server.name != "embedded":
            self.secrets.append(server.secret_key)
            return {"aws_access_key_id": server.access_key, "aws_secret_access_key": server.secret_key}
        secret, token = f"PLANTEDKEY{side}x7Qf", f"PLANTEDTOKEN{side}k2Zs"
        self.secrets += [secret, token]
        return {
            "aws_access_key_id": f"AKIA{side}",
            "aws_secret_access_key": secret,
            "aws_session_token": token,
        }

    def write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.places.add(path)


def plant(server: Server, server_env: dict[str, str], home: Path, driver: Path, manager: Any) -> Planted:
    """Plant them all. `home` is that of the nodes, `driver` the driver's folder, `manager` a Secrets Manager client."""
    found = Planted({name: value for name, value in server_env.items() if "_AWS_" not in name})
    for side in ("INVENTORY", "COPY"):
        found.environ |= {f"{side}_{name.upper()}": value for name, value in found.keys(server, side).items()}
    profiles = {"default": found.keys(server, "DEFAULT"), PROFILE: found.keys(server, "SOURCE")}
    lines = [f"[{name}]\n" + "".join(f"{k} = {v}\n" for k, v in keys.items()) for name, keys in profiles.items()]
    found.write(home / ".aws" / "credentials", "".join(lines))
    manager.create_secret(Name=KEPT, SecretString=json.dumps(found.keys(server, "TARGET")))
    found.environ |= {"SOURCE_PROFILE_NAME": PROFILE, "TARGET_CREDENTIALS_URI": f"secretsmanager:{KEPT}"}
    work = found.keys(server, "WORK").items()
    found.write(driver / ".env", "".join(f"WORK_{name.upper()}={value}\n" for name, value in work))
    queue = found.keys(server, "QUEUE").items()
    text = "".join(f"    {name}: {value}\n" for name, value in queue)
    found.write(driver / "conf" / "config.yml", f"access:\n  queue:\n{text}")
    return found


def holding(folder: Path, words: list[str], places: set[Path] = frozenset()) -> list[str]:  # type: ignore[assignment]
    """Files below the folder, but for `places`, that hold one of the words, packed columns of tables included."""
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()):
        if path in places:
            continue
        body = path.read_bytes()
        if path.suffix == ".parquet":
            body += repr(pq.read_table(path).to_pylist()).encode()
        found += [f"{path}: {word}" for word in words if word.encode() in body]
    return found
