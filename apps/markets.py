"""Markets by name, with the store, seed, spread model and reference data that the settings say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apps.settings import Settings
from domain.ports import Clock, Market
from tools.clock import SystemClock
from tools.market.open import LIVE, open_live, open_market
from tools.market.reference import open_almanac

if TYPE_CHECKING:
    from tools.market.live import LiveMarket


def market_named(settings: Settings, name: str) -> Market:
    """The market of a name. Raises BadInput for an unknown one, and for a reference file that is wrong."""
    if name == LIVE:
        return live_market(settings, SystemClock())
    almanac = open_almanac(settings.reference_file, settings.sources.events)
    return open_market(name, settings.store_dir, settings.seed, settings.spread_model, almanac)


def live_market(settings: Settings, clock: Clock) -> LiveMarket:
    """The live market over the sources that the settings allow; close it when done. Raises BadInput."""
    from tools.market.collecting import Allowed
    from tools.market.sources.asking import Patience
    from tools.market.sources.open import open_sources

    names = settings.sources
    # Without a file of one's own there is none that could stand in.
    events = tuple(name for name in names.events if name != "file" or settings.reference_file is not None)
    return open_live(
        settings.store_dir,
        clock,
        Allowed(names.chains, names.greeks, names.bars, names.indices, names.rates, events),
        open_sources(
            clock,
            timeout_s=names.timeout_s,
            cboe_url=names.cboe_url,
            yahoo_url=names.yahoo_url,
            treasury_url=names.treasury_url,
        ),
        open_almanac(settings.reference_file, names.events),
        patience=Patience(timeout_s=names.timeout_s, attempts=names.attempts),
        watch_days=settings.watch_days,
    )


async def close_market(market: Market) -> None:
    """Let a live market's connections go; others have none."""
    if market.live:
        from tools.market.live import LiveMarket

        if isinstance(market, LiveMarket):
            await market.close()
