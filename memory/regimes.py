"""The regime as each decision left it, by world (market label or account)."""

from __future__ import annotations

from datetime import datetime

from domain.codec import dumps, loads
from domain.regime import Regime, RegimeState
from memory.database import Database


class Regimes:
    """The state that the regime's step carries on, never one from the future or from another world."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def last(self, world: str, before: datetime) -> RegimeState | None:
        """The state left by the last decision strictly before a moment; None when there was none."""
        row = await self._db.row("regimes.last", world=world, before=before)
        return None if row is None else loads(row["state"], RegimeState)

    async def put(self, world: str, as_of: datetime, state: RegimeState, regime: Regime) -> None:
        """Keep the state reached at a moment; the same moment again replaces it."""
        await self._db.run("regimes.put", world=world, as_of=as_of, state=dumps(state), regime=dumps(regime))
