"""Everything the desk keeps, over one database."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from memory import locks
from memory.acts import Acts
from memory.database import Database
from memory.decisions import Decisions
from memory.embed import Embedder
from memory.facts import Facts
from memory.paper import PaperOrders
from memory.portfolio import Portfolio
from memory.recall import Embeds, Recall
from memory.regimes import Regimes
from memory.replies import Replies
from memory.snapshots import Snapshots
from memory.tickets import Tickets
from memory.transcripts import Transcripts


@dataclass(frozen=True)
class Store:
    """One object per topic; all share one pool. Close it when done."""

    db: Database
    embedder: Embeds
    snapshots: Snapshots
    facts: Facts
    decisions: Decisions
    transcripts: Transcripts
    tickets: Tickets
    acts: Acts
    portfolio: Portfolio
    paper: PaperOrders
    recall: Recall
    regimes: Regimes
    replies: Replies

    @property
    def uri(self) -> str:
        """Where the database is, for others who keep tables of their own in it."""
        return self.db.uri

    def thread_lock(self, thread_id: str, wait_s: float = 0.0) -> AbstractAsyncContextManager[None]:
        """Hold a run's or ticket's thread. Raises ThreadBusy."""
        return locks.thread_lock(self.db, thread_id, wait_s)

    async def close(self) -> None:
        """Close every connection; calling it twice is harmless."""
        await self.db.close()


async def open_store(uri: str, embedder: Embeds | None = None) -> Store:
    """Migrate the database, forget what was kept for a time that is over, and open every topic.

    Raises DatabaseDown with what to do.
    """
    db = await Database.open(uri)
    snapshots = Snapshots(db)
    await snapshots.prune()
    embeds = embedder or Embedder()
    return Store(
        db=db,
        embedder=embeds,
        snapshots=snapshots,
        facts=Facts(db),
        decisions=Decisions(db),
        transcripts=Transcripts(db),
        tickets=Tickets(db),
        acts=Acts(db),
        portfolio=Portfolio(db),
        paper=PaperOrders(db),
        recall=Recall(db, embeds),
        regimes=Regimes(db),
        replies=Replies(db),
    )
