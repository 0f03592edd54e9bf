"""Facts that follow from a snapshot alone, kept under its hash and the version of what computed them."""

from __future__ import annotations

from memory.database import Database


class Facts:
    """A cache that never goes stale: the snapshot's content and the calculator's version fix the value."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def get(self, snapshot_hash: str, calculator: str) -> bytes | None:
        """The stored fact, or None when nobody has computed it yet."""
        row = await self._db.row("facts.get", snapshot_hash=snapshot_hash, calculator=calculator)
        return None if row is None else bytes(row["blob"])

    async def put(self, snapshot_hash: str, calculator: str, blob: bytes) -> None:
        """Keep a fact; the first one stands."""
        await self._db.run("facts.put", snapshot_hash=snapshot_hash, calculator=calculator, blob=blob)
