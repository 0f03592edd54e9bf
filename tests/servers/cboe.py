"""CBOE's delayed quotes on loopback, and payloads shaped like its own."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from tests.servers.loopback import Behaviour, Loopback, say
from tools.sessions import NEW_YORK

INDICES = frozenset({"SPX", "XSP", "NDX", "RUT", "VIX", "VIX9D", "VIX3M", "VVIX", "SKEW"})


def name_of(ticker: str) -> str:
    return f"_{ticker}" if ticker in INDICES else ticker


def symbol(root: str, expiry: date, is_call: bool, strike: float) -> str:
    return f"{root}{expiry:%y%m%d}{'C' if is_call else 'P'}{round(strike * 1000):08d}"


def option(
    root: str, expiry: date, is_call: bool, strike: float, traded_at: datetime | None = None, **values: Any
) -> dict[str, Any]:
    """One row as CBOE writes it; `traded_at` is aware."""
    row: dict[str, Any] = {
        "option": symbol(root, expiry, is_call, strike),
        "bid": 1.0,
        "bid_size": 10.0,
        "ask": 1.2,
        "ask_size": 12.0,
        "iv": 0.2,
        "open_interest": 100.0,
        "volume": 5.0,
        "delta": 0.5 if is_call else -0.5,
        "gamma": 0.01,
        "vega": 0.4,
        "theta": -0.1,
        "rho": 0.2,
        "theo": 1.1,
        "change": 0.0,
        "open": 0.0,
        "high": 0.0,
        "low": 0.0,
        "tick": "no_change",
        "last_trade_price": 1.1,
        "last_trade_time": None if traded_at is None else local(traded_at),
        "percent_change": 0.0,
        "prev_day_close": 1.05,
    }
    return {**row, **values}


def local(moment: datetime) -> str:
    return f"{moment.astimezone(NEW_YORK):%Y-%m-%dT%H:%M:%S}"


def chain(
    ticker: str,
    options: list[dict[str, Any]],
    *,
    spot: float,
    shown_at: datetime,
    spot_at: datetime,
    **values: Any,
) -> dict[str, Any]:
    """A payload of a chain; `values` replace what `data` says."""
    data = {
        "symbol": name_of(ticker),
        "security_type": "index" if ticker in INDICES else "stock",
        "exchange_id": 5,
        "current_price": spot,
        "price_change": 0.0,
        "bid": spot,
        "ask": spot,
        "open": spot,
        "high": spot,
        "low": spot,
        "close": spot,
        "prev_day_close": spot,
        "volume": 0,
        "iv30": 14.2,
        "last_trade_time": local(spot_at),
        "options": options,
    }
    stamp = f"{shown_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    return {"timestamp": stamp, "data": {**data, **values}, "symbol": name_of(ticker)}


def history(name: str, rows: Iterable[tuple[date, float, float, float, float]]) -> dict[str, Any]:
    """A payload of daily values (day, open, high, low, close), which CBOE writes as text."""
    data = [
        {
            "date": f"{day}",
            "open": f"{o:.4f}",
            "high": f"{h:.4f}",
            "low": f"{low:.4f}",
            "close": f"{c:.4f}",
            "volume": "0",
        }
        for day, o, h, low, c in rows
    ]
    return {"symbol": name_of(name), "data": data}


class LoopbackCboe(Loopback):
    """Serves chains and histories under their own paths."""

    def chain(self, ticker: str, *script: Behaviour | dict[str, Any]) -> str:
        return self._script(f"/options/{name_of(ticker)}.json", script)

    def history(self, name: str, *script: Behaviour | dict[str, Any]) -> str:
        return self._script(f"/charts/historical/{name_of(name)}.json", script)

    def quote(self, name: str, *script: Behaviour | dict[str, Any]) -> str:
        return self._script(f"/quotes/{name_of(name)}.json", script)

    def _script(self, path: str, script: tuple[Behaviour | dict[str, Any], ...]) -> str:
        self.on(path, *(say(step) if isinstance(step, dict) else step for step in script))
        return path
