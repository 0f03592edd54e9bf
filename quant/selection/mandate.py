"""From a verdict to a mandate: what the price node may look for, or a veto with every failed check.

Asked before any work is spent on pricing. Every check stands in the report, passed or not.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from domain.book import Book
from domain.decision import Check, GateReport, Mandate, Scan, Veto
from domain.market import EventKind, Kind, MarketSnapshot
from domain.money import ZERO, to_cents
from domain.playbook import InvestorMandate, Playbook
from domain.regime import Regime
from domain.structures import StructureName
from domain.views import Direction, Verdict, Volatility
from quant.alignment import Use, weigh
from quant.execution.quotes import Venue, too_late
from quant.risk.gate import Headroom, account_checks, headroom
from quant.risk.limits import HardLimits
from quant.selection.playbooks import FAVOURS

NEW_YORK = ZoneInfo("America/New_York")
EARNINGS_GAP = timedelta(days=75)  # the next report is not plausible sooner after the last


def mandate(
    verdict: Verdict,
    scan: Scan,
    playbook: Playbook,
    snapshot: MarketSnapshot,
    book: Book,
    regime: Regime,
    limits: HardLimits,
    at: datetime,
    venue: Venue,
    analysis_only: str = "",
) -> Mandate | Veto:
    """What this playbook may look for on this verdict, or why nothing.

    The loss budget is the least of the playbook's largest loss, the person's own and every hard limit's headroom,
    rounded down. The person's mandate (`limits.investor`) narrows structures and expiries further. An unknown earnings
    date bounds the expiries where the last report is known, and vetoes where it is not. `venue` tells how the broker
    fills; `analysis_only` why the whole run proposes nothing, "" when it may.
    """
    structures, investor = permitted(playbook, verdict), limits.investor
    wanted = tuple(name for name in structures if not investor.structures or name in investor.structures)
    latest, earnings = _earnings(playbook, snapshot, at)
    earliest, latest = _window(investor, at, latest)
    room = headroom(snapshot.ticker, snapshot.instrument.bucket, book, regime, limits)
    budget = _budget(playbook, book, room, investor.largest_loss)
    checks = (
        *_applies(playbook, verdict, snapshot, structures),
        *_investor(investor, playbook, verdict, wanted, at, earliest, latest),
        _line("regime", regime.name in playbook.regimes, ", ".join(playbook.regimes), regime.name.value),
        _line("run", not analysis_only, "not analysis only", analysis_only or "may propose"),
        *_data(playbook, scan, snapshot, limits, at, venue),
        earnings,
        *account_checks(book, regime, limits, at),
        *_room(playbook, room, budget),
    )
    report = GateReport(subject=f"{playbook.name} on {verdict.ticker}", checks=checks)
    if not report.passed:
        return Veto(ticker=verdict.ticker, playbook=playbook.name, report=report)
    return Mandate(
        ticker=verdict.ticker,
        playbook=playbook.name,
        structures=wanted,
        loss_budget=budget,
        max_contracts=room.contracts,
        report=report,
        latest_expiry=latest,
        earliest_expiry=earliest,
    )


def permitted(playbook: Playbook, verdict: Verdict) -> tuple[StructureName, ...]:
    """The playbook's structures that the verdict's direction does not contradict."""
    return tuple(name for name in playbook.structures if FAVOURS.get(name, verdict.direction) == verdict.direction)


def _line(name: str, passed: bool, limit: str, value: str, note: str = "", age_s: float | None = None) -> Check:
    """A check that belongs to the mandate alone; the broker's door does not ask it again."""
    return Check(name=name, hard=False, limit=limit, value=value, headroom="", passed=passed, age_s=age_s, note=note)


def _applies(
    playbook: Playbook, verdict: Verdict, snapshot: MarketSnapshot, structures: tuple[StructureName, ...]
) -> tuple[Check, ...]:
    ticker, instrument = verdict.ticker, snapshot.instrument
    in_universe = not playbook.universe or ticker in playbook.universe
    broad = instrument.broad_index or not playbook.broad_index_only
    wanted = ", ".join(playbook.universe) or ("a broad index" if playbook.broad_index_only else "any")
    kind = "broad index" if instrument.broad_index else instrument.kind.value
    same = ticker == snapshot.ticker == instrument.ticker
    if playbook.needs == "direction":
        view, p, conclusive = verdict.direction.value, verdict.direction_p, verdict.direction != Direction.INCONCLUSIVE
    else:
        view, p = verdict.volatility.value, verdict.volatility_p
        conclusive = verdict.volatility != Volatility.INCONCLUSIVE
    likely = math.isfinite(p) and 0.5 < p <= 1.0
    fits = verdict.direction.value in playbook.direction and verdict.volatility.value in playbook.volatility
    return (
        _line("same_ticker", same, ticker, snapshot.ticker),
        _line("universe", in_universe and broad, wanted, f"{ticker}, {kind}"),
        _line("axis", conclusive and likely, f"{playbook.needs} conclusive", f"{view} at {p:.2f}"),
        _line(
            "view",
            fits,
            f"{'|'.join(playbook.direction)}; {'|'.join(playbook.volatility)}",
            f"{verdict.direction.value}; {verdict.volatility.value}",
        ),
        _line("structures", bool(structures), "at least one", ", ".join(structures) or "none fits the direction"),
    )


def _window(investor: InvestorMandate, at: datetime, latest: date | None) -> tuple[date | None, date | None]:
    """The first and last expiry that the person's mandate admits, within what is known of events; None: no bound."""
    today = at.astimezone(NEW_YORK).date()
    earliest = None if investor.min_dte is None else today + timedelta(days=investor.min_dte)
    if investor.max_dte is None:
        return earliest, latest
    furthest = today + timedelta(days=investor.max_dte)
    return earliest, furthest if latest is None else min(latest, furthest)


def _investor(
    investor: InvestorMandate,
    playbook: Playbook,
    verdict: Verdict,
    wanted: tuple[StructureName, ...],
    at: datetime,
    earliest: date | None,
    latest: date | None,
) -> tuple[Check, ...]:
    """What the person lets the desk do at all; only what the mandate sets is asked."""
    lines: list[Check] = []
    if investor.watchlist:
        on_it = verdict.ticker in investor.watchlist
        lines.append(_line("mandate_watchlist", on_it, ", ".join(investor.watchlist), verdict.ticker))
    if investor.horizon is not None:
        within, limit = verdict.horizon <= investor.horizon, f"at most {investor.horizon} trading days"
        lines.append(_line("mandate_horizon", within, limit, f"{verdict.horizon}"))
    if investor.structures:
        limit = ", ".join(name.value for name in investor.structures)
        lines.append(_line("mandate_structures", bool(wanted), limit, ", ".join(wanted) or "none of them"))
    if investor.min_dte is not None or investor.max_dte is not None:
        today = at.astimezone(NEW_YORK).date()
        first = max(today + timedelta(days=playbook.search.min_dte), earliest or today)
        last = min(today + timedelta(days=playbook.search.max_dte), latest or date.max)
        limit = f"expiring {earliest or today} to {latest or 'any'}"
        lines.append(_line("mandate_dte", first <= last, limit, f"{first} to {last}" if first <= last else "no expiry"))
    return tuple(lines)


def _data(
    playbook: Playbook, scan: Scan, snapshot: MarketSnapshot, limits: HardLimits, at: datetime, venue: Venue
) -> tuple[Check, ...]:
    chain = snapshot.chain
    age = (at - snapshot.as_of).total_seconds()
    lag = snapshot.chain_lag_s
    confidence, use = weigh(playbook.alignment, lag, snapshot.lag_limit_s, snapshot.iv_confidence)
    trusted = Decimal(repr(confidence)) >= limits.iv_confidence
    barred = [reason for reason in (*snapshot.restrictions, "" if chain is None else too_late(chain, venue)) if reason]
    quoted = 0 if chain is None else int(((chain.bid > 0) & (chain.ask >= chain.bid)).sum())
    fitted = any(one.analyst == "vol_surface" and one.evidence for one in scan.readings)
    spot = snapshot.spot
    return (
        _line("snapshot", 0 <= age <= limits.quote_age_s, f"{limits.quote_age_s} s", f"{age:.0f} s", age_s=age),
        _line("spot", math.isfinite(spot) and spot > 0, "above zero", f"{spot}"),
        _line(
            "chain",
            chain is not None and quoted > 0,
            "an option chain with two-sided quotes",
            "ABSENT" if chain is None else f"{quoted} two-sided quotes",
            note=_absence(snapshot, "chain"),
        ),
        _line(
            "iv_confidence",
            chain is not None and trusted,
            f">= {limits.iv_confidence}",
            f"{confidence:.4f}",
            age_s=snapshot.chain_lag_s if math.isfinite(snapshot.chain_lag_s) else None,
        ),
        _line(
            "alignment",
            use is Use.TRADE,
            f"{playbook.alignment.value} within {snapshot.lag_limit_s:g} s",
            f"{lag:.0f} s" if math.isfinite(lag) else "no lag",
            note="" if use is Use.TRADE else f"the chain may be used for: {use.value}",
        ),
        _line("quotes_tradable", not barred, "quotes that may carry an order", "; ".join(barred) or "yes"),
        _line("surface", fitted, "a fitted surface", "fitted" if fitted else "no evidence from the surface"),
        _bars(playbook, snapshot, limits, at),
    )


def _bars(playbook: Playbook, snapshot: MarketSnapshot, limits: HardLimits, at: datetime) -> Check:
    """Volatility trades live on a forecast of variance, and that needs recent daily bars."""
    daily = snapshot.daily
    last = None if daily is None or len(daily) == 0 else datetime.fromtimestamp(int(daily.start[-1]), UTC).date()
    age = None if last is None else (at.date() - last).days
    recent = age is not None and 0 <= age <= limits.bars_age_days
    value = "ABSENT" if last is None else f"last of {last}"
    if playbook.needs != "volatility":
        note = "without them P keeps Q's level" if not recent else ""
        return _line("forecast_bars", True, "not needed on direction", value, note=note)
    note = "" if recent else f"the measure of P needs bars: {value}; {_absence(snapshot, 'bars')}".rstrip("; ")
    return _line("forecast_bars", recent, f"at most {limits.bars_age_days} days old", value, note=note)


def _absence(snapshot: MarketSnapshot, what: str) -> str:
    return "; ".join(f"{one.what}: {one.why}" for one in snapshot.absent if what in one.what.lower())


def _earnings(playbook: Playbook, snapshot: MarketSnapshot, at: datetime) -> tuple[date | None, Check]:
    """The latest permitted expiry (None: no bound), and the check that some expiry of the playbook is left."""
    if snapshot.instrument.kind != Kind.STOCK:
        return None, _line("earnings", True, "known", f"none: {snapshot.instrument.kind.value}")
    days = [
        event.day for event in snapshot.calendar.events if event.kind is EventKind.EARNINGS and event.known_at <= at
    ]
    today = at.date()
    if snapshot.calendar.earnings_known:
        coming = min((day for day in days if day >= today), default=None)
        return None, _line("earnings", True, "known", str(coming or "none ahead"))
    past = max((day for day in days if day < today), default=None)
    if past is None:
        why = "neither the next nor the last report is known: any expiry may hold one"
        return None, _line("earnings", False, "known", "UNKNOWN", note=why)
    latest = past + EARNINGS_GAP - timedelta(days=1)
    first = today + timedelta(days=playbook.search.min_dte)
    return latest, _line(
        "earnings",
        latest >= first,
        "an expiry before the next plausible report",
        f"last report {past}",
        note=f"expiries up to {latest}; the playbook's first is {first}",
    )


def _budget(playbook: Playbook, book: Book, room: Headroom, own: Decimal | None) -> Decimal:
    share = Decimal(repr(playbook.largest_loss))
    if room.fault or not share.is_finite() or share <= 0:
        return ZERO
    return to_cents(min(book.nlv * share, room.loss, *(() if own is None else (own,))), "down")


def _room(playbook: Playbook, room: Headroom, budget: Decimal) -> tuple[Check, ...]:
    parts = ", ".join(f"{name} {amount}" for name, amount in room.by_limit)
    return (
        _line("headroom", room.loss > 0, "above zero", f"{room.loss}", note=room.fault or f"{room.binding}: {parts}"),
        _line("contracts", room.contracts > 0, "above zero", f"{room.contracts}", note=room.fault),
        _line("loss_budget", budget > 0, f"at most {playbook.largest_loss:.1%} of NLV", f"{budget}"),
    )
