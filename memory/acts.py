"""Acts of people: approve, reject, edit, halt, resume, close. One row each, unique by nonce."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from domain.book import Halt
from domain.errors import ParleyError
from memory.database import Connection, Database, Row, execute, fetch, fetch_one, utc

HALT = "halt"
RESUME = "resume"
DESK = "desk"


@dataclass(frozen=True, slots=True)
class Act:
    """One act. `fresh` is False when the nonce had been used: this is then the first act, not the one just tried."""

    id: int
    kind: str
    who: str
    through: str
    subject: str
    nonce: str
    payload: dict[str, str]
    at: datetime
    applied_at: datetime | None
    outcome: str | None
    fresh: bool


def _act(row: Row, fresh: bool = False) -> Act:
    applied = row["applied_at"]
    return Act(
        **{
            **row,
            "payload": json.loads(row["payload"]),
            "at": utc(row["at"]),
            "applied_at": None if applied is None else utc(applied),
            "fresh": fresh,
        }
    )


async def halts(conn: Connection) -> tuple[Halt, ...]:
    """The halts in force, oldest first, as seen by this connection."""
    return tuple(
        Halt(scope=row["scope"], reason=json.loads(row["payload"]).get("reason", ""), since=utc(row["at"]))
        for row in await fetch(conn, "acts.halts")
    )


class Acts:
    """The only way a person's will enters the desk. A halt holds from the moment its row is committed."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def write(
        self, kind: str, who: str, through: str, subject: str, nonce: str, payload: dict[str, str], at: datetime
    ) -> Act:
        """Write an act, or return the first one written under this nonce with `fresh` False.

        The subject of a halt or resume is its scope: "desk" or an account.
        """
        async with self._db.transaction() as conn:
            # Rows are numbered in the order of their commits, so that a resume lifts exactly the halts before it.
            await execute(conn, "session.lock_here", key="acts")
            row = await fetch_one(
                conn,
                "acts.write",
                kind=kind,
                who=who,
                through=through,
                subject=subject,
                nonce=nonce,
                payload=json.dumps(payload, sort_keys=True),
                at=at,
            )
            if row is not None:
                return _act(row, fresh=True)
            first = await fetch_one(conn, "acts.by_nonce", nonce=nonce)
        if first is None:
            raise ParleyError(f"the act under nonce {nonce} was neither written nor found")
        return _act(first)

    async def pending(self, subject: str | None = None) -> tuple[Act, ...]:
        """Acts that nobody has applied yet, oldest first; of one subject, or of all."""
        return tuple(_act(row) for row in await self._db.rows("acts.pending", subject=subject))

    async def applied(self, act_id: int, outcome: str, at: datetime) -> bool:
        """Note that an act was applied, and what came of it; False when it had been applied before."""
        return await self._db.row("acts.applied", id=act_id, outcome=outcome, at=at) is not None

    async def halts(self) -> tuple[Halt, ...]:
        """The halts in force, oldest first."""
        async with self._db.connection() as conn:
            return await halts(conn)

    async def list(self, limit: int = 50) -> tuple[Act, ...]:
        """The newest acts, newest first."""
        return tuple(_act(row) for row in await self._db.rows("acts.list", limit=limit))
