"""Every error that s3sync raises on purpose, in one tree.

S3SyncError                      anything below; carries the exit code
├── UserError            exit 2  the user's mistake: one line, names the place and the way out
│   ├── ConfigError              an option, a variable or a line of a configuration file
│   ├── InventoryError           a manifest or a data file that can't be trusted
│   ├── MappingError             two source keys on one target key, a key too long, a copy onto itself
│   └── LockHeld                 another run is working on the same target
├── Interrupted          exit 1  stopped by the user (Ctrl-C); the same command goes on
├── CircuitOpen          exit 1  nearly everything failed for one reason; the rest stays planned
├── WorkerLost           exit 1  Spark lost a worker too often, or cut one off; the same command goes on
├── JavaLost             exit 1  Spark's Java is gone: killed, or ended by SIGTERM; the same command goes on
├── StoreError           exit 1  the work location could not be read or written
├── ServiceError         exit 1  AWS refused a control-plane call
│   └── ServiceAway              ... or could not take it now: throttled, broken, not reached; it may work later
└── InvariantBroken      exit 1  the counts of a run do not add up (C1): a defect, never ignored

A failed object is not an exception but a row of `outcomes/`.
"""

from typing import ClassVar

EXIT_DONE = 0
EXIT_OTHER = 1
EXIT_USER = 2
EXIT_INCOMPLETE = 3
EXIT_DIFFERENT = 4


class S3SyncError(Exception):
    """The root: its text is one line for a person."""

    exit_code: ClassVar[int] = EXIT_OTHER


class UserError(S3SyncError):
    exit_code = EXIT_USER


class ConfigError(UserError):
    """`place` is where the wrong value stands: `--limit`, `$TARGET_REGION_NAME`, `conf/config.yml: copy.mode`."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(place, problem)

    def __str__(self) -> str:
        return ": ".join(self.args)

    @property
    def place(self) -> str:
        return str(self.args[0])


class InventoryError(UserError):
    """`where` is the URI of the manifest or the data file."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(where, problem)

    def __str__(self) -> str:
        return ": ".join(self.args)

    @property
    def where(self) -> str:
        return str(self.args[0])


class MappingError(UserError):
    pass


class LockHeld(UserError):
    pass


class Interrupted(S3SyncError):
    pass


class CircuitOpen(S3SyncError):
    """`code` is the error code that nearly every object failed with; `hint` what more is to be said of it."""

    def __init__(self, code: str, hint: str = "") -> None:
        super().__init__(
            f"nearly every object failed with {code}{hint}; the rest stays planned. "
            "Mend the cause and give the same command again"
        )
        self.code = code


class WorkerLost(S3SyncError):
    pass


class JavaLost(S3SyncError):
    pass


class StoreError(S3SyncError):
    pass


class ServiceError(S3SyncError):
    pass


class ServiceAway(ServiceError):
    pass


class InvariantBroken(S3SyncError):
    pass
