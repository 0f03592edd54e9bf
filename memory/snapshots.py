"""Market snapshots, stored by content hash: those that decisions rest on for ever, others for so many days."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from datetime import timedelta

from domain.codec import digest, pack, unpack
from domain.errors import NotFound, ParleyError
from domain.market import Event, EventKind, MarketSnapshot, SnapshotRef
from memory.database import Database

EVENTS_AHEAD = 45  # calendar days
KEPT = 16  # snapshots held unpacked in this process


def reference(snapshot: MarketSnapshot, content: str) -> SnapshotRef:
    """What graph state keeps of a snapshot whose content hash is `content`."""
    return SnapshotRef(
        hash=content,
        ticker=snapshot.ticker,
        as_of=snapshot.as_of,
        market=snapshot.market,
        simulated=snapshot.simulated,
        spot=snapshot.spot,
        chain_at=snapshot.chain.quoted_at if snapshot.chain is not None else None,
        chain_lag_s=snapshot.chain_lag_s,
        iv_confidence=snapshot.iv_confidence,
        lag_limit_s=snapshot.lag_limit_s,
        sources=snapshot.sources,
        restrictions=snapshot.restrictions,
        company=snapshot.instrument.company or "",
        events=_ahead(snapshot),
        chain_source=snapshot.chain.source if snapshot.chain is not None else "",
        delayed=snapshot.chain is not None and snapshot.chain.delayed,
        spread_model=snapshot.chain.spread_model if snapshot.chain is not None else "",
        quality=snapshot.quality.text() if snapshot.quality is not None else "",
        absent=snapshot.absent,
    )


def _ahead(snapshot: MarketSnapshot) -> tuple[Event, ...]:
    """The events of the next weeks, soonest first; a monthly expiration is in every calendar and says little."""
    today = snapshot.as_of.date()
    until = today + timedelta(days=EVENTS_AHEAD)
    coming = (one for one in snapshot.calendar.events if today <= one.day <= until and one.kind is not EventKind.OPEX)
    return tuple(sorted(coming, key=lambda one: (one.day, one.kind)))


class Snapshots:
    """Put and get snapshots; equal content is stored once. Packing runs outside the event loop."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._recent: OrderedDict[str, MarketSnapshot] = OrderedDict()

    async def put(self, snapshot: MarketSnapshot, days: int | None = None) -> SnapshotRef:
        """Store a snapshot before anything is derived from it, and return its reference.

        It is kept for ever, or at least so many days from now. The longest wish that was ever uttered holds: what a
        decision rests on stays, whoever else took the same.
        """
        content = await asyncio.to_thread(digest, snapshot)
        if not await self._db.run("snapshots.keep", hash=content, days=days):
            blob = await asyncio.to_thread(pack, snapshot)
            await self._db.run(
                "snapshots.put",
                hash=content,
                ticker=snapshot.ticker,
                market=snapshot.market,
                as_of=snapshot.as_of,
                blob=blob,
                days=days,
            )
        self._keep(content, snapshot)
        return reference(snapshot, content)

    async def prune(self) -> int:
        """Forget snapshots whose days are over, and the facts that follow from them; how many went."""
        row = await self._db.row("snapshots.prune")
        return 0 if row is None else int(row["gone"])

    async def get(self, content: str) -> MarketSnapshot:
        """The snapshot with this content hash. Raises NotFound."""
        if content in self._recent:
            self._recent.move_to_end(content)
            return self._recent[content]
        row = await self._db.row("snapshots.get", hash=content)
        if row is None:
            raise NotFound(f"no snapshot {content} is stored here; was the run made with another database?")
        snapshot = await asyncio.to_thread(unpack, row["blob"])
        if not isinstance(snapshot, MarketSnapshot):
            raise ParleyError(f"what is stored as snapshot {content} is a {type(snapshot).__name__}")
        self._keep(content, snapshot)
        return snapshot

    def _keep(self, content: str, snapshot: MarketSnapshot) -> None:
        self._recent[content] = snapshot
        self._recent.move_to_end(content)
        while len(self._recent) > KEPT:
            self._recent.popitem(last=False)
