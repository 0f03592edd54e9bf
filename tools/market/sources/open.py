"""The sources that can be had, opened by name for whoever puts a market together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from domain.ports import Clock
from tools.market.sources import cboe, treasury, yahoo
from tools.market.sources.cboe import Cboe
from tools.market.sources.client import Client
from tools.market.sources.protocol import OpenSource
from tools.market.sources.treasury import Treasury
from tools.market.sources.yahoo import Yahoo


def open_sources(
    clock: Clock,
    *,
    timeout_s: float = 10.0,
    cboe_url: str = cboe.URL,
    yahoo_url: str = yahoo.URL,
    treasury_url: str = treasury.URL,
    cache: Path | None = None,
) -> dict[str, OpenSource]:
    """All sources by name. Nothing is connected or imported before the first question; `close_sources` at the end.

    `timeout_s` bounds one request, `cache` is a folder for what the Yahoo library keeps (None: a temporary one).
    """
    client = Client(timeout_s)
    return {
        "cboe": Cboe(clock, client, cboe_url),
        "yahoo": Yahoo(clock, yahoo_url, timeout_s, cache),
        "treasury": Treasury(clock, client, treasury_url),
    }


async def close_sources(sources: Mapping[str, OpenSource]) -> None:
    """Let all connections go."""
    for source in sources.values():
        await source.close()
