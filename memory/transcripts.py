"""Transcripts of debates, as text to read and to search."""

from __future__ import annotations

from dataclasses import dataclass

from memory.database import Database, clean


@dataclass(frozen=True, slots=True)
class Transcript:
    """One debate in words."""

    run_id: str
    ticker: str
    text: str


@dataclass(frozen=True, slots=True)
class Hit:
    """One transcript found; the words asked for stand between « and »."""

    run_id: str
    ticker: str
    excerpt: str
    rank: float


class Transcripts:
    """One text per run and ticker."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def put(self, run_id: str, ticker: str, text: str) -> None:
        """Keep a transcript; writing it again replaces it."""
        await self._db.run("transcripts.put", run_id=run_id, ticker=ticker, body=clean(text))

    async def get(self, run_id: str) -> tuple[Transcript, ...]:
        """All transcripts of a run, by ticker."""
        rows = await self._db.rows("transcripts.get", run_id=run_id)
        return tuple(Transcript(row["run_id"], row["ticker"], row["body"]) for row in rows)

    async def search(self, words: str, limit: int = 20) -> tuple[Hit, ...]:
        """Transcripts that hold the words (web-search syntax: quotes, OR, -word), best first."""
        return tuple(Hit(**row) for row in await self._db.rows("transcripts.search", words=clean(words), limit=limit))
