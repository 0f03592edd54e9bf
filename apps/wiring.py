"""The composition root: the one place that builds clock, market, broker, store, model and puts them together."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from apps.markets import close_market, market_named
from apps.settings import Settings
from domain.codec import digest
from domain.decision import RunSpec
from domain.errors import BadInput, SettingsError
from domain.orders import FillMode
from domain.playbook import InvestorMandate
from domain.ports import ChatModel, Clock, Market
from graph.checkpoints import Saver, checkpointer
from graph.compute import Compute
from graph.context import Desk, DeskPolicy, Progress
from graph.facts import FactCache
from graph.present import present_regime
from graph.runs import GRAPH_VERSION, Runs
from memory import embedded
from memory.store import Store, open_store
from quant.alignment import LagRules
from quant.execution.quotes import Venue
from quant.risk.limits import LIMITS, tightened
from quant.selection.playbooks import PLAYBOOKS
from quant.worth.measure import Skill
from tools.broker.guard import GuardedBroker, quoted_band
from tools.broker.paper import PaperBroker, next_session_end, session_end
from tools.clock import FixedClock, SystemClock
from tools.market.gated import GatedChains
from tools.randomness import nonce

NEW_YORK = ZoneInfo("America/New_York")


def _silent(node: str, ticker: str, event: str) -> None:
    """Nobody watches the run."""


@dataclass(frozen=True)
class House:
    """Everything that is open for one command."""

    settings: Settings
    store: Store
    runs: Runs
    compute: Compute
    markets: Callable[[str], Market]
    fill_mode: FillMode

    def spec(
        self,
        tickers: tuple[str, ...],
        market_name: str,
        as_of: datetime,
        *,
        account: str | None = None,
        auto: bool | None = None,
    ) -> RunSpec:
        """The specification of a run; its id is a prefix that `Runs.start` completes."""
        market = self.markets(market_name)
        unknown = sorted(set(self.settings.playbooks) - set(PLAYBOOKS))
        if unknown:
            raise SettingsError(
                f"setting playbooks: no playbook {', '.join(unknown)}; there are {', '.join(PLAYBOOKS)}"
            )
        draft = RunSpec(
            run_id="",
            tickers=tuple(dict.fromkeys(ticker.upper() for ticker in tickers)),
            market=market.label,
            as_of=as_of.astimezone(UTC),
            account=account or default_account(market, as_of),
            playbooks=self.settings.playbooks,
            seed=self.settings.seed,
            settings_hash=self.settings.hash(),
            graph_version=GRAPH_VERSION,
            shortlist=self.settings.shortlist,
            fill_mode=fills_of(market, self.fill_mode).value,
            auto_execute=self.settings.auto_execute if auto is None else auto,
            investor=investor(self.settings),
        )
        stamp = as_of.astimezone(NEW_YORK).strftime("%Y%m%d-%H%M")
        return dataclasses.replace(draft, run_id=f"{stamp}-{digest(draft)[:6]}")


def clock_of(market: Market, as_of: datetime) -> Clock:
    """The wall clock for a live market; any other stands at the moment of its run."""
    return SystemClock() if market.live else FixedClock(as_of)


def fills_of(market: Market, asked: FillMode) -> FillMode:
    """On delayed quotes a paper fill waits for the next quote, whatever was asked for."""
    return FillMode.NEXT_QUOTE if market.delayed else asked


def default_account(market: Market, as_of: datetime) -> str:
    """A recorded or simulated day is a paper account of its own, so that days may be run in any order; naming an
    account carries one from day to day, as a live market's account is.
    """
    if market.live:
        return f"paper/{market.label}"
    return f"paper/{market.label}/{as_of.astimezone(NEW_YORK):%Y-%m-%d}"


async def decision_moment(text: str | None, market: Market, tickers: tuple[str, ...]) -> datetime:
    """The moment a run stands at: a live market's is now, once its data has been fetched. Raises BadInput."""
    if not market.live:
        return parse_as_of(text, market)
    if text is not None:
        raise BadInput(f"{market.label} stands at the present; leave out --as-of, or name the market recorded:live")
    await market.refresh(tickers)
    return SystemClock().now()


def parse_as_of(text: str | None, market: Market) -> datetime:
    """A moment from the command line. A time without a zone is New York; a bare date is that session's stated
    snapshot time; nothing at all is the market's own last moment. Raises BadInput.
    """
    if text is None:
        return market.snapshot_times(date(1990, 1, 1), date(2100, 1, 1))[-1]
    try:
        if len(text) == 10:
            return market.snapshot_time(date.fromisoformat(text))
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"{text!r} is no date or time; write 2026-02-12 or 2026-02-12T13:00") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=NEW_YORK)).astimezone(UTC)


def _model(settings: Settings, store: Store | None) -> ChatModel | None:
    if not settings.model_url:
        return None
    from tools.llm.chat import OpenAIChat

    key = settings.model_api_key.get_secret_value() if settings.model_api_key else None
    return OpenAIChat(
        base_url=settings.model_url,
        model=settings.model_name,
        api_key=key,
        timeout_s=settings.model_timeout_s,
        method=settings.model_method,
        replies=store.replies if store else None,
    )


def policy(settings: Settings) -> DeskPolicy:
    """The part of the settings that nodes obey."""
    return DeskPolicy(
        start_cash=settings.start_cash,
        lags=LagRules(
            limit_s=settings.lag_limit_s,
            index_limit_s=settings.index_lag_limit_s,
            half_life_s=settings.half_life_s,
            by_ticker=tuple(sorted(settings.lag_limits.items())),
        ),
        stale_share=settings.stale_share,
        ticket_life_s=settings.ticket_minutes * 60,
        auto_execute=settings.auto_execute,
        analyst_weights=tuple(sorted(settings.weights.model_dump().items())),
        recall_limit=settings.recall_limit,
        watch_days=settings.watch_days,
    )


def investor(settings: Settings) -> InvestorMandate:
    """The person's own mandate, from `[mandate]`; tickers as the desk writes them."""
    given = dict(settings.mandate)
    return InvestorMandate(**{**given, "watchlist": tuple(ticker.upper() for ticker in given["watchlist"])})


async def database_uri(settings: Settings) -> str:
    """The external database where one is set, else the embedded one, started if need be."""
    external = settings.external_database
    return external if external is not None else await asyncio.to_thread(embedded.start, settings.data_dir / "postgres")


@asynccontextmanager
async def open_house(
    settings: Settings,
    *,
    progress: Progress = _silent,
    answers_itself: str = "",
    clock_for: Callable[[Market, datetime], Clock] | None = None,
    checkpoint: bool = True,
    fill_mode: FillMode = FillMode.SAME_SNAPSHOT,
    markets: Callable[[str], Market] | None = None,
    compute: Compute | None = None,
    warm: bool = False,
) -> AsyncIterator[House]:
    """Open everything, and close it in the opposite order. The embedded server stops with its last user.

    `warm` loads the embedding model beside the first work instead of when the journal needs it (seconds).
    """
    compute = compute or Compute(settings.threads)
    compute.own_loop()
    uri = await database_uri(settings)
    try:
        store = await open_store(uri)
        warming = asyncio.create_task(compute.run(store.embedder.warm)) if warm else None
        try:
            opened: dict[str, Market] = {}

            def market_of(name: str) -> Market:
                if name not in opened:
                    opened[name] = markets(name) if markets else market_named(settings, name)
                return opened[name]

            auto = answers_itself or ("AUTO_EXECUTE" if settings.auto_execute else "")
            facts = FactCache(store.facts, compute)

            async def desk(market_name: str, as_of: datetime) -> Desk:
                market = market_of(market_name)
                clock = clock_for(market, as_of) if clock_for else clock_of(market, as_of)
                return _desk(
                    settings, store, compute, facts, market, clock, progress, auto, fills_of(market, fill_mode)
                )

            async with _saver(uri, checkpoint) as saver:
                runs = Runs(
                    store=store,
                    saver=saver,
                    open_desk=desk,
                    settings_hash=settings.hash(),
                    start_cash=settings.start_cash,
                )
                yield House(
                    settings=settings,
                    store=store,
                    runs=runs,
                    compute=compute,
                    markets=market_of,
                    fill_mode=fill_mode,
                )
        finally:
            if warming is not None:
                await warming
            for market in opened.values():
                await close_market(market)
            await store.close()
    finally:
        if settings.external_database is None:
            await asyncio.to_thread(embedded.stop_if_last, settings.data_dir / "postgres")
        compute.close()


@asynccontextmanager
async def _saver(uri: str, wanted: bool) -> AsyncIterator[Saver | None]:
    if not wanted:
        yield None
        return
    async with checkpointer(uri) as saver:
        yield saver


def _desk(
    settings: Settings,
    store: Store,
    compute: Compute,
    facts: FactCache,
    market: Market,
    clock: Clock,
    progress: Progress,
    auto: str,
    fill_mode: FillMode,
) -> Desk:
    limits = dataclasses.replace(tightened(LIMITS, **settings.limits), investor=investor(settings))
    rests = next_session_end if market.one_shot else session_end
    gated = GatedChains(market)
    paper = PaperBroker(
        book=store.paper,
        market=market,
        clock=clock,
        mode=fill_mode,
        deadline=rests,
        opening=gated.chain,
        oldest_s=limits.quote_age_s,
    )
    desk = Desk(
        clock=clock,
        market=market,
        broker=paper,
        store=store,
        compute=compute,
        model=_model(settings, store),
        limits=limits,
        playbooks=PLAYBOOKS,
        policy=policy(settings),
        skill=Skill.prior(),
        facts=facts,
        progress=progress,
        nonce=nonce,
        answers_itself=auto,
    )
    guarded = GuardedBroker(
        broker=paper,
        ledger=store.portfolio,
        limits=limits,
        clock=clock,
        regime_at=lambda account: present_regime(desk, account),
        band_of=quoted_band(market, Venue(paper=paper.paper, waits=fill_mode is FillMode.NEXT_QUOTE), gated.chain),
    )
    return dataclasses.replace(desk, broker=guarded)
