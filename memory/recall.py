"""Memories: what was learnt, found again by meaning, never before it was known and never in another world."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import datetime
from typing import Protocol

from pgvector import Vector

from domain.errors import BadInput
from domain.units import Unit, on_grid
from domain.views import Recalled
from memory.database import Database, clean, fetch, utc

EXACT_ROWS = 20_000  # about 20 ms of comparing one by one


class Embeds(Protocol):
    """Turns texts into vectors of length 384 and norm 1."""

    def warm(self) -> None: ...
    def embed(self, texts: list[str]) -> list[list[float]]: ...


def memory_id(world: str, source: str, kind: str, ticker: str) -> int:
    """The id of a memory, from what it is about: the same on every machine, so that records may hold it."""
    name = "\x1f".join((world, source, kind, ticker))
    return int(hashlib.sha256(name.encode()).hexdigest()[:12], 16)


class Recall:
    """Remember and recall. `world` is a market's label or an account; worlds never see each other's memories."""

    def __init__(self, db: Database, embedder: Embeds, exact_rows: int = EXACT_ROWS) -> None:
        self._db = db
        self._embedder = embedder
        self._exact_rows = exact_rows

    async def remember(
        self, kind: str, ticker: str, text: str, event_time: datetime, known_at: datetime, source: str, *, world: str
    ) -> int:
        """Keep a memory and return its id; the first one of a (world, source, kind, ticker) stands.

        Raises BadInput when it is said to have been known before it happened.
        """
        if known_at < event_time:
            raise BadInput(f"a memory of {event_time} cannot have been known at {known_at}")
        key = memory_id(world, source, kind, ticker)
        if await self._db.row("recall.has", id=key) is None:
            body = clean(text)
            (vector,) = await asyncio.to_thread(self._embedder.embed, [body])
            await self._db.run(
                "recall.remember",
                id=key,
                world=world,
                kind=kind,
                ticker=ticker,
                source=source,
                body=body,
                event_time=event_time,
                known_at=known_at,
                embedding=Vector(vector),
            )
        return key

    async def recall(
        self, text: str, as_of: datetime, limit: int, ticker: str | None = None, *, world: str
    ) -> tuple[Recalled, ...]:
        """The nearest memories by cosine, known and happened by `as_of`, nearest first, ties by id.

        Up to `exact_rows` eligible memories the answer is exact, so memories of other worlds and of the future cannot
        change it; beyond, the HNSW index (Malkov & Yashunin 2016) finds four times `limit` candidates.
        """
        asked = {"world": world, "as_of": as_of, "ticker": ticker}
        row = await self._db.row("recall.eligible", **asked, enough=self._exact_rows + 1)
        if limit <= 0 or row is None or not row["rows"]:
            return ()
        (vector,) = await asyncio.to_thread(self._embedder.embed, [clean(text)])
        given = {**asked, "embedding": Vector(vector), "limit": limit}
        if row["rows"] <= self._exact_rows:
            rows = await self._db.rows("recall.nearest", **given)
        else:
            async with self._db.transaction() as conn:
                await fetch(conn, "recall.walk_on")
                rows = await fetch(conn, "recall.near", **given)
        return tuple(
            Recalled(
                id=row["id"],
                text=row["body"],
                similarity=on_grid(row["similarity"], Unit.RATIO),
                event_time=utc(row["event_time"]),
                known_at=utc(row["known_at"]),
            )
            for row in rows
        )
