"""The decision log: runs, what each node gave, and the canonical record at the end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.codec import digest, dumps, loads
from domain.decision import Decision, RunSpec, RunStatus
from domain.errors import BadInput, NotFound
from domain.views import Refused
from memory.database import Database, Row, utc
from memory.prefix import resolve
from memory.transcripts import Hit, Transcripts

LOOK = "`parley journal list` shows the runs"


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as it stands. The decision is read from its canonical text when it is asked for."""

    spec: RunSpec
    status: RunStatus
    decision_json: str | None
    decision_hash: str | None
    created_at: datetime

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.spec.run_id

    @property
    def decision(self) -> Decision | None:
        """The canonical record, or None while the run has none."""
        return None if self.decision_json is None else loads(self.decision_json, Decision)


@dataclass(frozen=True, slots=True)
class NodeRow:
    """What one node gave for one ticker (or "*"), as the recorder wrote it."""

    thread_id: str
    node: str
    ticker: str
    in_hash: str
    output: str
    refusals: tuple[Refused, ...]
    duration_ms: float
    at: datetime


def _run(row: Row) -> RunRow:
    return RunRow(
        spec=loads(row["spec"], RunSpec),
        status=RunStatus(row["status"]),
        decision_json=row["decision"],
        decision_hash=row["decision_hash"],
        created_at=utc(row["created_at"]),
    )


class Decisions:
    """Everything a run decided, in the order it did."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def begin(self, spec: RunSpec, created_at: datetime) -> None:
        """Enter a run; again with the same specification is harmless. Raises BadInput when the id means another."""
        text = dumps(spec)
        added = await self._db.run(
            "decisions.begin",
            run_id=spec.run_id,
            account=spec.account,
            market=spec.market,
            as_of=spec.as_of,
            status=RunStatus.RUNNING.value,
            spec=text,
            created_at=created_at,
        )
        if not added:
            row = await self._db.row("decisions.run", run_id=spec.run_id)
            if row is not None and row["spec"] != text:
                raise BadInput(f"run {spec.run_id} exists under another specification; a run id is used once")

    async def record_node(
        self,
        thread_id: str,
        node: str,
        ticker: str,
        in_hash: str,
        out_json: str,
        refusals: tuple[Refused, ...],
        duration_ms: float,
        at: datetime,
    ) -> None:
        """What a node gave; a node that ran again replaces its row."""
        await self._db.run(
            "decisions.record_node",
            thread_id=thread_id,
            node=node,
            ticker=ticker,
            in_hash=in_hash,
            output=out_json,
            refusals=dumps(refusals),
            duration_ms=duration_ms,
            at=at,
        )

    async def finish(self, run_id: str, status: RunStatus, decision: Decision | None) -> str | None:
        """Set the status and keep the decision; its hash is returned.

        Raises NotFound, and BadInput when the run already holds a different decision: a record is never rewritten.
        """
        text = None if decision is None else dumps(decision)
        content = None if decision is None else digest(decision)
        row = await self._db.row(
            "decisions.finish", run_id=run_id, status=status.value, decision=text, decision_hash=content
        )
        if row is None:
            held = await self.run(run_id)
            if held is None:
                raise NotFound(f"no run {run_id}; {LOOK}")
            raise BadInput(f"run {run_id} holds decision {held.decision_hash}; {content} cannot replace it")
        return content

    async def set_status(self, run_id: str, status: RunStatus) -> None:
        """Change how a run stands. Raises NotFound."""
        if await self._db.row("decisions.set_status", run_id=run_id, status=status.value) is None:
            raise NotFound(f"no run {run_id}; {LOOK}")

    async def run(self, run_id: str) -> RunRow | None:
        """One run by its full id."""
        row = await self._db.row("decisions.run", run_id=run_id)
        return None if row is None else _run(row)

    async def runs(self, limit: int, account: str | None = None) -> tuple[RunRow, ...]:
        """The newest runs, newest first."""
        return tuple(_run(row) for row in await self._db.rows("decisions.runs", limit=limit, account=account))

    async def nodes(self, thread_id: str) -> tuple[NodeRow, ...]:
        """What each node of a thread gave, oldest first."""
        return tuple(
            NodeRow(**{**row, "refusals": loads(row["refusals"], tuple[Refused, ...]), "at": utc(row["at"])})
            for row in await self._db.rows("decisions.nodes", thread_id=thread_id)
        )

    async def resolve(self, prefix: str) -> str:
        """The run whose id begins so. Raises NotFound, or BadInput when several do."""
        return await resolve(self._db, "decisions.starting_with", "run", prefix, LOOK)

    async def search(self, words: str, limit: int = 20) -> tuple[Hit, ...]:
        """Full-text search over the transcripts of all runs, best first."""
        return await Transcripts(self._db).search(words, limit)
