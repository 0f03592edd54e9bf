"""A desk for tests: the real wiring on a throw-away database and the simulated market."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from apps.settings import Settings
from apps.wiring import House, open_house
from domain.decision import RunSpec

MARKET = "simulated:vrp:43"


def settings(uri: str, **changes: Any) -> Settings:
    """Settings on a test's own database; nothing of the environment is read."""
    given: dict[str, Any] = {
        "database_url": SecretStr(uri),
        "data_dir": Path("/nonexistent"),
        "store_dir": Path("/nonexistent"),
        "market": MARKET,
        "shortlist": 6,
    }
    return Settings(**{**given, **changes})


@asynccontextmanager
async def desk_house(uri: str, *, change: dict[str, Any] | None = None, **wiring: Any) -> AsyncIterator[House]:
    """An open house on a test database."""
    async with open_house(settings(uri, **(change or {})), **wiring) as house:
        yield house


def demo_moment(house: House, market: str = MARKET) -> datetime:
    """The middle of the simulated market's last session."""
    moment: datetime = house.markets(market).last_session_middle()  # type: ignore[attr-defined]
    return moment


def demo_spec(house: House, tickers: tuple[str, ...] = ("SPX",), **changes: Any) -> RunSpec:
    """A run over the simulated market; SPX is a ticker out of which a trade comes."""
    return dataclasses.replace(house.spec(tickers, MARKET, demo_moment(house)), **changes)
