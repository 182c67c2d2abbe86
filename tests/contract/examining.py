"""A source and a target of a laptop's account, and what `s3sync doctor` finds of them."""

from collections.abc import Callable

from s3sync.config.load import load
from s3sync.config.model import Config
from s3sync.doctor.examine import examine
from s3sync.doctor.symptom import Symptom
from tests.contract.deploying import Laptop

VERSIONING = {"Status": "Enabled"}


class Pair:
    """A source with an object, a target and a configuration for them, at the account of the laptop."""

    def __init__(self, laptop: Laptop, make: Callable[..., str]) -> None:
        self.laptop, self.s3 = laptop, laptop.aws("s3")
        self.source, self.target = make(), make()
        self.s3.put_object(Bucket=self.source, Key="photos/a", Body=b"body", Tagging="a=b")

    def config(self, **options: str) -> Config:
        given = {"source.bucket": self.source, "target.bucket": self.target, "run.work_uri": self.laptop.work_uri}
        return load({**given, **{name.replace("__", "."): value for name, value in options.items()}}, {}, None, None)

    def examined(self, config: Config | None = None, *, quick: bool = False) -> list[Symptom]:
        return list(examine(config or self.config(), quick=quick))

    def symptom(self, topic: str, config: Config | None = None, *, quick: bool = False) -> Symptom:
        (found, *_) = [each for each in self.examined(config, quick=quick) if each.topic == topic]
        return found

    def keys(self, bucket: str) -> list[str]:
        versions = self.s3.list_object_versions(Bucket=bucket)
        return [each["Key"] for each in (*versions.get("Versions", ()), *versions.get("DeleteMarkers", ()))]

    def version(self) -> None:
        """Let the target keep old versions from now on."""
        self.s3.put_bucket_versioning(Bucket=self.target, VersioningConfiguration=VERSIONING)
