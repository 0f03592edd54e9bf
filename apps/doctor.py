"""The doctor: is everything there that a run needs, and what to do about each thing that is not."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from domain.errors import ParleyError

if TYPE_CHECKING:
    from apps.settings import Settings
    from apps.wiring import House
    from domain.ports import Market

MODEL_PATIENCE_S = 20.0
FREE_GB = 1.0
EPOCH = date(1990, 1, 1), date(2100, 1, 1)


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. `advice` says what to do when it failed."""

    name: str
    ok: bool
    found: str
    advice: str = ""


async def examine(settings: Settings) -> tuple[Finding, ...]:
    """Check everything, each for itself: one failure hides no other."""
    found = [_platform(settings), _disk(settings), _clock()]
    found.append(await _checked("market", _market_advice(settings), _market(settings)))
    found.append(await _model(settings))
    async with _house(settings) as (house, broken):
        if broken is not None:
            found.append(broken)
            found.append(Finding("broker", False, "the paper broker keeps its book in the database", "see database"))
        else:
            assert house is not None
            found.append(await _database(house))
            found.append(await _checked("broker", "see the message", _broker(house, settings)))
    order = ("platform", "disk", "clock", "database", "market", "model", "broker")
    return tuple(sorted(found, key=lambda one: order.index(one.name)))


async def _checked(name: str, advice: str, work: Awaitable[str]) -> Finding:
    try:
        return Finding(name, True, await work)
    except ParleyError as error:
        return Finding(name, False, str(error), advice)


@asynccontextmanager
async def _house(settings: Settings) -> AsyncIterator[tuple[House | None, Finding | None]]:
    from apps.wiring import open_house

    opening = open_house(settings)
    try:
        house = await opening.__aenter__()
    except ParleyError as error:
        yield None, Finding("database", False, str(error), _database_advice(settings))
        return
    try:
        yield house, None
    finally:
        await opening.__aexit__(None, None, None)


def _database_advice(settings: Settings) -> str:
    if settings.external_database is not None:
        return "check PARLEY_DATABASE_URL, or unset it to use the embedded database"
    return "see the message; another folder: PARLEY_DATA_DIR; another server: PARLEY_DATABASE_URL"


async def _database(house: House) -> Finding:
    db = house.store.db
    async with db.connection() as connection:
        server = connection.info.server_version
    vector = await db.row("migrate.vector_version")
    steps = await db.rows("migrate.applied")
    where = "external" if house.settings.external_database is not None else "embedded"
    found = (
        f"{where} PostgreSQL {server // 10_000}.{server % 10_000}, pgvector "
        f"{vector['version'] if vector else 'missing'}, {len(steps)} migrations applied, "
        f"round trip {1000 * await db.ping():.1f} ms"
    )
    return Finding("database", vector is not None, found, "install pgvector 0.8 or newer on the server")


async def _broker(house: House, settings: Settings) -> str:
    market = house.markets(settings.market)
    desk = await house.runs.open_desk(market.label, last_moment(market))
    kind = "paper" if desk.broker.paper else "LIVE"
    return f"{kind}: {await desk.broker.ping()}"


def last_moment(market: Market) -> datetime:
    """The newest moment a market has a chain for, a live one's is now. Raises DataAbsent when it has none."""
    from domain.errors import DataAbsent
    from tools.clock import SystemClock

    if market.live:
        return SystemClock().now()
    moments = market.snapshot_times(*EPOCH)
    if not moments:
        raise DataAbsent(f"{market.label} holds no chain")
    return moments[-1]


async def _market(settings: Settings) -> str:
    from apps.markets import market_named
    from domain.errors import DataAbsent
    from domain.market import Absent, Quotes
    from tools.market.live import LiveMarket

    market = market_named(settings, settings.market)
    if isinstance(market, LiveMarket):
        try:
            return f"{market.label} ({'delayed' if market.delayed else 'real time'}): {await market.ping()}"
        finally:
            await market.close()
    at = last_moment(market)
    for ticker in (*settings.tickers, *recorded_tickers(settings, settings.market)):
        chain = await market.chain(ticker, at)
        if not isinstance(chain, Absent):
            quotes = {Quotes.MARKET: "real quotes", Quotes.MODEL: "quotes of a spread model", Quotes.NONE: "no quotes"}
            real = "delayed" if market.delayed else quotes[chain.quotes]
            label = "simulated, no real market" if market.simulated else real
            return (
                f"{market.label} ({label}): {len(chain):,} {ticker} options quoted {chain.quoted_at:%Y-%m-%d %H:%M} UTC"
            )
    raise DataAbsent(f"{market.label} has no chain for {', '.join(settings.tickers)}")


def recorded_tickers(settings: Settings, market: str) -> tuple[str, ...]:
    """Tickers of a recorded set; () for other markets."""
    kind, _, name = market.partition(":")
    if kind != "recorded":
        return ()
    from tools.market.store import Store

    return Store(settings.store_dir).tickers(name.partition(":")[0])


def _market_advice(settings: Settings) -> str:
    if settings.market.startswith("recorded:"):
        return "import it: `parley data import PATH`; what is there: `parley data status`"
    if settings.market == "live":
        return "check the network, and the addresses and names in [sources]"
    return "set `market` to simulated:vrp, simulated:fair, simulated:planted:EDGE, recorded:NAME or live"


async def _model(settings: Settings) -> Finding:
    """One real structured call, asked anew and never answered from kept replies."""
    if not settings.model_url:
        return Finding("model", True, "rules: no model is configured (PARLEY_MODEL_URL), the debate is argued by rules")
    from agents.ask import probe
    from tools.llm.chat import OpenAIChat

    key = settings.model_api_key.get_secret_value() if settings.model_api_key else ""
    patience = min(MODEL_PATIENCE_S, settings.model_timeout_s)

    async def call() -> str:
        model = OpenAIChat(
            settings.model_url or "", settings.model_name, key, patience, retries=0, method=settings.model_method
        )
        return await probe(model)

    advice = "check model_url, model_name and model_api_key; leave model_url empty to argue by rules"
    return await _checked("model", advice, call())


def _clock() -> Finding:
    """The system clock, its offset, and where the exchange stands; a clock behind our own files is wrong."""
    from tools import sessions
    from tools.clock import SystemClock

    now = SystemClock().now()
    offset = now.astimezone().utcoffset() or timedelta(0)
    hours = offset.total_seconds() / 3600
    written = Path(__file__).stat().st_mtime
    if now.timestamp() < written - 86_400:
        return Finding("clock", False, f"{now:%Y-%m-%d %H:%M:%S} UTC, before Parley was installed", "set the clock")
    try:
        day = now.astimezone(sessions.NEW_YORK).date()
        state = "open" if sessions.in_session(now) else f"closed, next session {_next(sessions.next, day, now)}"
    except ParleyError as error:
        return Finding("clock", False, f"{now:%Y-%m-%d %H:%M:%S} UTC: {error}", "set the clock, or update Parley")
    return Finding("clock", True, f"{now:%Y-%m-%d %H:%M:%S} UTC, this machine at UTC{hours:+g} h; New York {state}")


def _next(following: Callable[[date], date], day: date, now: datetime) -> date:
    from tools import sessions

    if sessions.is_session(day) and now < sessions.open_close(day)[0]:
        return day
    return following(day)


def _platform(settings: Settings) -> Finding:
    """Interpreter, cores and torch; torch is asked by its metadata, importing it takes seconds."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        torch = f"torch {version('torch')}"
    except PackageNotFoundError:
        torch = ""
    found = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {cores} cores, "
    found += f"{settings.threads} worker threads, {torch or 'no torch'}"
    if not torch:
        return Finding("platform", False, found, "install Parley with its dependencies: `make run`")
    return Finding("platform", True, found)


def _disk(settings: Settings) -> Finding:
    """Room where the data lies, and leave to write there."""
    there = next(path for path in (settings.data_dir, *settings.data_dir.parents) if path.exists())
    free = shutil.disk_usage(there).free / 1e9
    found = f"{free:,.1f} GB free under {settings.data_dir}"
    if not os.access(there, os.W_OK):
        return Finding("disk", False, f"{there} cannot be written", "choose another folder: PARLEY_DATA_DIR")
    return Finding("disk", free >= FREE_GB, found, f"free {FREE_GB:g} GB, or choose another folder: PARLEY_DATA_DIR")
