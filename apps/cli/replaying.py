"""A replay from the command line."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from apps.cli.exits import Exit
from apps.cli.terminal import err, out, say_json
from apps.doctor import EPOCH, recorded_tickers
from apps.markets import market_named
from apps.render.replay import replay_report
from apps.wiring import open_house
from domain.codec import to_data
from domain.orders import FillMode
from domain.ports import Clock, Market
from lab.replay import replay as run_replay
from tools.clock import ManualClock
from tools.randomness import suffix

if TYPE_CHECKING:
    from apps.settings import Settings


async def replay(
    settings: Settings,
    name: str,
    tickers: tuple[str, ...],
    days: tuple[date | None, date | None],
    fills: FillMode | None,
    as_json: bool,
) -> Exit:
    """Replay a span of a market on an account of its own; tickets are answered in code, nothing is checkpointed."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    clock = ManualClock(datetime(EPOCH[0].year, 1, 1, tzinfo=UTC))

    def by_hand(market: Market, as_of: datetime) -> Clock:
        return clock

    market = market_named(settings, name)
    mode = fills or (FillMode.SAME_SNAPSHOT if market.one_shot else FillMode.NEXT_QUOTE)
    async with open_house(
        settings, answers_itself="replay", clock_for=by_hand, checkpoint=False, fill_mode=mode, markets=lambda _: market
    ) as house:
        account = f"replay/{suffix(8)}"
        wanted = tickers or recorded_tickers(settings, name) or settings.tickers
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=err(), transient=True) as bar:
            task = bar.add_task(f"replay {market.label}")

            def progress(at: datetime, done: int, total: int) -> None:
                bar.update(task, completed=done, total=total, description=f"replay {market.label} {at:%Y-%m-%d}")

            report = await run_replay(
                house.runs,
                clock,
                market,
                lambda at: house.spec(wanted, name, at, account=account, auto=True),
                days[0] or EPOCH[0],
                days[1] or EPOCH[1],
                progress,
            )
    if as_json:
        say_json(to_data(report))
    else:
        out().print(replay_report(report))
    return Exit.OK
