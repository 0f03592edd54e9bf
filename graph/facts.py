"""Facts derived from a snapshot alone, kept under (snapshot hash, calculator version) and computed once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from domain.codec import pack, unpack
from domain.market import MarketSnapshot
from graph.compute import Compute
from memory.facts import Facts
from quant import surface as surfaces
from quant.surface import Surface

T = TypeVar("T")


class FactCache:
    """Asks memory first, computes otherwise; two that ask at once wait for one computation."""

    def __init__(self, facts: Facts, compute: Compute) -> None:
        self._facts = facts
        self._compute = compute
        self._pending: dict[tuple[str, str], asyncio.Future[Any]] = {}

    async def _fact(self, snapshot_hash: str, calculator: str, fn: Callable[[], T]) -> T:
        key = (snapshot_hash, calculator)
        if key in self._pending:
            done: T = await asyncio.shield(self._pending[key])
            return done
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending[key] = future
        try:
            blob = await self._facts.get(*key)
            value = await self._compute.run(unpack, blob) if blob is not None else await self._compute.run(fn)
            if blob is None:
                await self._facts.put(*key, await self._compute.run(pack, value))
        except BaseException as error:
            del self._pending[key]
            future.set_exception(error)
            future.exception()  # whoever waits sees it; nobody waiting is fine too
            raise
        future.set_result(value)
        while len(self._pending) > 64:
            self._pending.pop(next(iter(self._pending)))
        result: T = value
        return result

    async def surface(self, snapshot_hash: str, snapshot: MarketSnapshot) -> Surface | None:
        """The fitted surface of a snapshot's chain; None when it has no chain. Raises BadChain."""
        chain = snapshot.chain
        if chain is None:
            return None
        return await self._fact(
            snapshot_hash, surfaces.VERSION, lambda: surfaces.fit(chain, snapshot.as_of, snapshot.rates)
        )
