"""Passes of `parley record`: one, or one every so many minutes while the exchange is open."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from apps.cli.exits import Exit
from apps.cli.terminal import err, out, say_json
from apps.markets import live_market
from apps.render.record import recorded
from domain.codec import to_data
from domain.errors import BadInput
from domain.ports import Clock
from tools import sessions
from tools.clock import SystemClock
from tools.market.collecting import Round
from tools.market.live import LiveMarket
from tools.market.open import LIVE
from tools.market.recording import Recorder
from tools.market.store import Store

if TYPE_CHECKING:
    from apps.settings import Settings

AFTER_CLOSE = timedelta(minutes=20)  # the day's own bar and the closes of indices can be had by then


async def record(
    settings: Settings, tickers: tuple[str, ...], market_name: str, every: float | None, as_json: bool
) -> Exit:
    """Record once, or until interrupted; what the last pass led to. Raises BadInput for any market but the live one."""
    if market_name != LIVE:
        raise BadInput(f"{market_name} is not recorded: it is held or computed already; record the market `live`")
    names = tuple(dict.fromkeys(ticker.upper() for ticker in tickers or settings.tickers))
    clock = SystemClock()
    market = live_market(settings, clock)
    try:
        if every is None:
            return await _pass(market, names, clock, as_json)
        with _interrupted() as stop:
            return await _go_on(market, names, clock, timedelta(minutes=every), stop, as_json)
    finally:
        await market.close()


def prune(settings: Settings, as_json: bool) -> None:
    """Forget watch ticks that are older than the settings keep them."""
    gone = Recorder(Store(settings.store_dir), SystemClock()).prune(settings.watch_days)
    if as_json:
        say_json({"pruned": gone, "watch_days": settings.watch_days})
    else:
        out().print(f"{gone:,} watch ticks older than {settings.watch_days} days are gone from {settings.store_dir}")


@contextmanager
def _interrupted() -> Iterator[asyncio.Event]:
    """An event that SIGINT and SIGTERM set."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    caught = (signal.SIGINT, signal.SIGTERM)
    for one in caught:
        loop.add_signal_handler(one, stop.set)
    try:
        yield stop
    finally:
        for one in caught:
            loop.remove_signal_handler(one)


async def _go_on(
    market: LiveMarket, tickers: tuple[str, ...], clock: Clock, every: timedelta, stop: asyncio.Event, as_json: bool
) -> Exit:
    stopped = asyncio.create_task(stop.wait())
    try:
        while True:
            begun = clock.now()
            moment = next_pass(begun)
            if moment > begun:
                err().print(f"parley: the exchange is closed; recording goes on {moment:%Y-%m-%d %H:%M} UTC")
            if not await _unless(stopped, clock.sleep_until(moment)):
                break
            begun = clock.now()
            if not await _unless(stopped, _pass(market, tickers, clock, as_json)):
                break
            if not await _unless(stopped, clock.sleep_until(after(begun, every))):
                break
    finally:
        stopped.cancel()
    err().print("parley: interrupted; what was received is kept")
    return Exit.OK


async def _unless(stopped: asyncio.Task[bool], work: Coroutine[Any, Any, Any]) -> bool:
    """Do some work; False when it was interrupted, and then it is called off."""
    task = asyncio.create_task(work)
    await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if stopped.done():
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return False
    await task
    return True


def next_pass(now: datetime) -> datetime:
    """Now, while the exchange is open or has just closed; else the next open."""
    day = now.astimezone(sessions.NEW_YORK).date()
    if sessions.is_session(day):
        opened, closed = sessions.open_close(day)
        if now <= closed + AFTER_CLOSE:
            return max(now, opened)
    return sessions.open_close(sessions.next(day))[0]


def after(begun: datetime, every: timedelta) -> datetime:
    """When to look again: after so long, and once at the very end of the day's recording."""
    following = begun + every
    session = sessions.session_of(begun)
    if session is None:
        return following
    end = sessions.open_close(session)[1] + AFTER_CLOSE
    return end if begun < end < following else following


async def _pass(market: LiveMarket, tickers: tuple[str, ...], clock: Clock, as_json: bool) -> Exit:
    made = await market.collect(tickers, force=True)
    code = outcome(made, tickers)
    if as_json:
        document = {
            "exit": int(code),
            "at": clock.now(),
            "kept": [one._asdict() for one in made.kept],
            "in_vain": [{"ticker": ticker, **to_data(use)} for ticker, use in made.uses],
        }
        say_json(document)
    else:
        out().print(recorded(made, tickers, clock.now()))
    return code


def outcome(made: Round, tickers: tuple[str, ...]) -> Exit:
    """OK when any ticker's chain came; else the sources are down, or, where all said so, know no such tickers."""
    came = {one.what for one in made.kept}
    if any(f"chain {ticker}" in came for ticker in tickers):
        return Exit.OK
    chains = [use for ticker, use in made.uses if ticker in tickers and use.datum == "chain"]
    unknown = all(": absent, " in note for use in chains for note in use.failed)
    return Exit.REFUSED if unknown else Exit.ENVIRONMENT
