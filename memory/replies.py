"""Replies of language models under the hash of exactly what was asked: cache, audit and replay in one."""

from __future__ import annotations

from datetime import datetime

from memory.database import Database


class Replies:
    """The first reply to a question stands."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def get(self, key: str) -> str | None:
        """The reply kept under a content hash, byte for byte; None when there is none."""
        row = await self._db.row("replies.get", key=key)
        return None if row is None else bytes(row["body"]).decode("utf-8", "surrogatepass")

    async def put(self, key: str, text: str, model: str, at: datetime) -> None:
        """Keep a reply under the hash of system prompt, user prompt, schema and model."""
        await self._db.run("replies.put", key=key, model=model, body=text.encode("utf-8", "surrogatepass"), at=at)
