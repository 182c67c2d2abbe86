"""Look at the objects of one batch that the listings left open, and write down what was found.

    judged/open-{batch}.parquet ──look at each──> looked/{batch}/{attempt}.parquet, and a done record
                                     └──────────> looked/{batch}/{attempt}.open.parquet: what only bodies can settle
    looked/.../{attempt}.open.parquet ──look again, read──> read/{batch}/{attempt}.parquet, and a done record

Two stages, so that what the bodies cost is known, said and held against the budget before one is read. Runs in a
worker process. A batch is small, so it is written as a whole at its end; nothing it does changes anything.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from s3sync.checking.batch_records import BatchLooked, Stage
from s3sync.checking.evidence_body import cost_bytes, read_bodies
from s3sync.checking.evidence_headers import Looked, look
from s3sync.checking.object_check import LookSettings
from s3sync.config.model import AccessConfig, CheckConfig
from s3sync.model.finding import Evidence, Finding, Verdict
from s3sync.model.tables import FINDINGS
from s3sync.report.check_tally import CheckTally
from s3sync.runs.folder import RunFolder
from s3sync.runs.heartbeat import HubAddress
from s3sync.runs.outcomes import parquet_bytes, read_parquet
from s3sync.runs.plan import Batch
from s3sync.runs.store import Store
from s3sync.runs.worker import WorkerSession
from s3sync.s3.engine.per_process import EngineOptions
from s3sync.selection.sample import is_sampled

NOT_SAMPLED = "not in the sample that --deep-sample reads"
OVER_BUDGET = "not read: --max-deep-bytes is used up"


@dataclass(frozen=True, slots=True)
class CheckContext:
    """What a worker needs to look at any batch of a check. It travels in the task's closure (C12)."""

    stage: Stage
    settings: LookSettings
    check: CheckConfig
    access: AccessConfig
    engine: EngineOptions
    store_uri: str
    run_id: str
    circuit_after: int
    hub: HubAddress

    @property
    def reads_bodies(self) -> bool:
        return self.stage is Stage.READ

    @property
    def leaves_bodies(self) -> bool:
        """True where what is still open is left to the stage that reads."""
        return self.stage is Stage.LOOKED and self.check.reads_bodies


@dataclass(frozen=True, slots=True)
class LookBatch:
    """`budget_bytes`: how much of the bodies may be read, None where there is no limit."""

    batch: Batch
    budget_bytes: int | None = None


def budgeted(batches: Iterable[Batch], check: CheckConfig) -> list[LookBatch]:
    """The batches with what each may read of the bodies: what it needs at most, its `size_bytes`, in their order and as
    long as the budget lasts."""
    left, result = check.max_deep_bytes, []
    for batch in batches:
        given = None if left is None else min(left, batch.size_bytes)
        left = None if left is None or given is None else left - given
        result.append(LookBatch(batch, given))
    return result


def check_batch(context: CheckContext, store: Store, work: LookBatch, attempt: str) -> BatchLooked | None:
    """Settle each object of the batch, as far as the evidence goes; None where it was told to stop."""
    name, circuit_after = work.batch.batch_id, context.circuit_after
    with WorkerSession(context.access, context.engine, context.hub, name, attempt, circuit_after) as session:
        return None if session.stop else _Look(context, RunFolder(store, context.run_id), work, session).run()


class _Look:
    def __init__(self, context: CheckContext, folder: RunFolder, work: LookBatch, session: WorkerSession) -> None:
        self._context = context
        self._folder = folder
        self._work = work
        self._session = session
        self._settled: dict[int, Finding] = {}
        self._left: dict[int, Looked] = {}
        self._tally = CheckTally()

    def run(self) -> BatchLooked | None:
        findings = findings_of(read_parquet(self._folder.get(self._work.batch.file)))
        context = self._context
        still_open: list[tuple[int, Looked]] = []
        looks = ((place, look(finding, context.settings)) for place, finding in enumerate(findings))
        for place, looked in self._session.run(looks):
            if not looked.is_open:
                self._settle(place, looked.finding)
            elif context.reads_bodies:
                still_open.append((place, looked))
            else:
                self._leave(place, looked)
        if still_open and not self._session.stop:
            chosen = self._chosen(sorted(still_open, key=lambda item: item[0]))
            bodies = ((place, read_bodies(looked, context.settings)) for place, looked in chosen)
            for place, finding in self._session.run(bodies):
                self._settle(place, finding)
        self._session.end()
        if self._session.circuit_code is not None:
            self._give_up(findings, self._session.circuit_code)
        return self._finished(len(findings))

    def _settle(self, place: int, finding: Finding) -> None:
        self._settled[place] = finding
        is_failed = finding.verdict is Verdict.ERROR
        self._session.settle(
            finding.read_bytes, is_failed=is_failed, hopeless=reason_of(finding) if is_failed else None
        )

    # | bodies are to be read | in the sample | then                                    |
    # |-----------------------|---------------|-----------------------------------------|
    # | no                    |               | settled: unprovable                     |
    # | yes                   | yes           | left to the stage that reads            |
    # | yes                   | no            | settled: unprovable, not in the sample  |
    def _leave(self, place: int, looked: Looked) -> None:
        share = self._context.check.deep_sample
        if not self._context.leaves_bodies:
            self._settle(place, looked.finding)
        elif share is not None and not is_sampled(looked.finding.target_key, share):
            self._settle(place, replace(looked.finding, detail=NOT_SAMPLED))
        else:
            self._left[place] = looked
            self._session.settle()

    def _chosen(self, still_open: list[tuple[int, Looked]]) -> Iterator[tuple[int, Looked]]:
        """Those whose bodies are read, as far as the budget goes; the others are settled as they are."""
        left = self._work.budget_bytes
        for place, looked in still_open:
            finding, cost = looked.finding, cost_bytes(looked)
            if left is not None and cost > left:
                self._settle(place, replace(finding, detail=OVER_BUDGET))
            else:
                left = None if left is None else left - cost
                yield place, looked

    def _give_up(self, findings: list[Finding], code: str) -> None:
        """What was not looked at, because nearly everything failed for one reason, is no better than that (C15)."""
        detail = f"not looked at, as nearly everything failed: {code}"
        for place, finding in enumerate(findings):
            if place not in self._settled and place not in self._left:
                self._settle(place, replace(finding, verdict=Verdict.ERROR, evidence=Evidence.NONE, detail=detail))

    def _finished(self, objects: int) -> BatchLooked | None:
        if len(self._settled) + len(self._left) < objects:
            return None
        counted = self._session.counted()
        self._tally.requests.update(counted.requests)
        self._tally.retries += counted.retries
        self._tally.throttled += counted.throttled
        findings = finding_table([finding for _, finding in sorted(self._settled.items())])
        self._tally.add(CheckTally.of(findings))
        if not self._context.check.all_findings:
            findings = findings.filter(pc.not_equal(findings["verdict"], Verdict.MATCH.value))
        batch_id = self._work.batch.batch_id
        prefix = f"{self._context.stage}/{batch_id}/{self._session.attempt}"
        file = f"{prefix}.parquet" if findings.num_rows else None
        if file is not None:
            self._folder.put(file, parquet_bytes(findings))
        done = BatchLooked(batch_id, self._session.attempt, objects, file, self._tally, self._written_left(prefix))
        self._folder.put_json(f"{self._context.stage}/{done.name}", done.to_json())
        return done

    def _written_left(self, prefix: str) -> Batch | None:
        if not self._left:
            return None
        left = [looked for _, looked in sorted(self._left.items())]
        name = f"{prefix}.open.parquet"
        self._folder.put(name, parquet_bytes(finding_table([looked.finding for looked in left])))
        return Batch(self._work.batch.batch_id, name, len(left), sum(map(cost_bytes, left)))


def reason_of(finding: Finding) -> str:
    """The beginning of an error's detail, which is the same for all objects that fail so."""
    return ": ".join((finding.detail or "").split(": ")[:2])


def findings_of(table: pa.Table) -> list[Finding]:
    """The rows of a table of the schema FINDINGS."""
    columns = [table[name].to_pylist() for name in FINDINGS.names]
    return [
        Finding(target_key, source_key, Verdict(verdict), Evidence(evidence), *rest)
        for target_key, source_key, verdict, evidence, *rest in zip(*columns, strict=True)
    ]


def finding_table(findings: list[Finding]) -> pa.Table:
    columns = [[getattr(finding, name) for finding in findings] for name in FINDINGS.names]
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, FINDINGS, strict=True)], schema=FINDINGS)
