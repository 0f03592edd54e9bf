"""The present state of one ticker, for a ticket's recheck and for marking positions."""

from __future__ import annotations

from dataclasses import dataclass

from domain.market import Absent, MarketSnapshot, SnapshotRef
from domain.regime import Regime
from domain.structures import Option
from graph.context import Desk
from quant.regime import step
from quant.surface import Surface
from tools.market.snapshot import take_snapshot


@dataclass(frozen=True)
class Present:
    """A snapshot as of the clock's now, stored, with its surface."""

    ref: SnapshotRef
    snapshot: MarketSnapshot
    surface: Surface | None


async def present(desk: Desk, ticker: str, held: tuple[Option, ...] | None = None) -> Present:
    """Snapshot and surface of a ticker as of now. Raises DataError when they cannot be had.

    `held`: the contracts that it is only watched for. Its snapshot is then kept for a time, not for ever, and a live
    market keeps no more of its chain than the rows near these.
    """
    await desk.market.refresh((ticker,), None if held is None else {ticker: held})
    taken = await take_snapshot(
        desk.market,
        ticker,
        desk.clock.now(),
        lags=desk.policy.lags,
    )
    ref = await desk.store.snapshots.put(taken, None if held is None else desk.policy.watch_days)
    return Present(ref=ref, snapshot=taken, surface=await desk.facts.surface(ref.hash, taken))


async def present_regime(desk: Desk, account: str) -> Regime:
    """The regime as of now, stepped from the account's last one; only `open` stores it."""
    now = desk.clock.now()
    answer = await desk.market.index("VIX", now)
    prior = await desk.store.regimes.last(account, now)
    return step(prior, None if isinstance(answer, Absent) else answer, now)[1]
