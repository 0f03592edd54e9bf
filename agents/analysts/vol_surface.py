"""vol_surface: what options charge for volatility, by maturity and strike, against what has been realised."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime
from textwrap import shorten

import numpy as np

from agents.analysts.sheet import Origin, Sheet, both, of_bars, of_chain, recent_daily
from domain.errors import BadInput
from domain.market import Event, EventKind, IndexLevel, Kind, MarketSnapshot, OptionChain, Quotes
from domain.units import Unit
from domain.views import Horizon, Reading
from quant.surface import UNQUOTED, SliceFit, Surface
from quant.vanilla.clock import trading_days
from quant.volatility.events import Due, intervals, unexplained, unseen
from quant.volatility.rank import standing
from quant.volatility.realized import close_to_close
from quant.volatility.term import bracket, constant_maturity, skew, slope

NAME = "vol_surface"
TENORS = (7, 30, 60, 90)  # calendar days
REALISED: Horizon = 21  # trading days
SPX_FAMILY = ("SPX", "SPY", "XSP")  # whose implied volatility VIX measures
LIQUID_QUOTES = 10  # quotes that carry a smile
CAP = 0.6  # of conviction
NOTE_LENGTH = 160  # characters of what the quality gate found
EVENT_DOUBT = 0.5  # factor on conviction where an unknown earnings date may sit inside the implied volatility


def read(snapshot: MarketSnapshot, surface: Surface | None) -> Reading:
    """Term structure, skew, implied against realised, and where VIX stands; one view, on the volatility axis.

    Rich: implied volatility above the realised one, above most of its year, and in contango. Without daily bars and
    without a volatility history there is nothing to hold the level against, and it abstains.
    """
    sheet = Sheet(snapshot, NAME)
    chain = snapshot.chain
    if surface is None or chain is None:
        return sheet.abstain("no option chain")
    origin = of_chain(chain)
    t = np.array([one.t for one in surface.slices])
    vols = np.array([one.atm_vol for one in surface.slices])
    atm = {days: constant_maturity(t, vols, days) for days in TENORS}
    for days, vol in atm.items():
        if vol is None:
            sheet.lack(f"no expiries around {days} days")
        else:
            sheet.add(f"atm_iv_{days}d", vol, Unit.VOL, origin, note="at the forward, constant maturity")
    iv = atm[30]
    if iv is not None and atm[90] is not None:
        note = "ATM IV 90d over 30d, less one: above 0 is contango"
        sheet.add("term_slope", 100.0 * slope(iv, atm[90]), Unit.PERCENT, origin, note=note)
    _strikes(sheet, chain, surface, iv)
    liquid = sum(one.quotes >= LIQUID_QUOTES for one in surface.slices)
    note = f"of {len(surface.slices)} fitted, {len(surface.skipped)} left out"
    note += f"; {UNQUOTED}" if chain.quotes is Quotes.NONE else ""
    sheet.add("liquid_slices", liquid, Unit.COUNT, origin, note=note)
    sure = _events(sheet, snapshot, chain, surface)
    _kept(sheet, snapshot)
    note = f"{'volatilities' if chain.quotes is Quotes.NONE else 'quotes'} {snapshot.chain_lag_s:.0f} s old"
    sheet.add("iv_confidence", snapshot.iv_confidence, Unit.PROBABILITY, origin, note=note)
    parts = _against_realised(sheet, snapshot, iv) | _against_vix(sheet, snapshot)
    if not {"iv_over_rv", "vix"} & set(parts):
        return sheet.abstain("nothing to hold the implied volatility against: " + "; ".join(sheet.missing))
    total = sum(weight for _, weight in parts.values())
    score = sum(value * weight for value, weight in parts.values()) / total
    agreement = abs(score) * total / max(sum(abs(value) * weight for value, weight in parts.values()), 1e-9)
    doubt = 1.0
    if snapshot.instrument.kind is Kind.STOCK and not snapshot.calendar.earnings_known:
        doubt = EVENT_DOUBT
        sheet.lack("the earnings date, which may sit inside the implied volatility")
    elif not sure:
        doubt = EVENT_DOUBT
    return sheet.signal(
        volatility=(score, CAP * agreement * snapshot.iv_confidence * doubt),
        horizon=REALISED,
        why="; ".join(f"{name} {value:+.2f}" for name, (value, _) in parts.items()) + " (+ rich, - cheap).",
        rests_on=tuple(parts),
    )


def _events(sheet: Sheet, snapshot: MarketSnapshot, chain: OptionChain, surface: Surface) -> bool:
    """What the expiries say of events, held against the calendar; False when the two disagree on a stock's earnings.

    Of a stock only its earnings count as an explanation, of an index or a fund the macroeconomic releases.
    """
    stock = snapshot.instrument.kind is Kind.STOCK
    kinds = (EventKind.EARNINGS,) if stock else (EventKind.FOMC, EventKind.CPI, EventKind.JOBS)
    due = tuple(_due(event, chain.quoted_at) for event in snapshot.calendar.events if event.kind in kinds)
    due = tuple(one for one in due if one.last > 0.0)
    last = {one.expiry: one for one in surface.slices}  # of two settlements of one day the later
    fits = [last[expiry] for expiry in sorted(last)]
    days = np.array([trading_days(chain.quoted_at, date.fromordinal(one.expiry)) for one in fits])
    rising = np.append(np.diff(days) > 0.0, True)
    found = intervals(days[rising], np.array([one.atm_vol**2 * one.t for one in fits])[rising])
    strange, quiet = unexplained(found, due), unseen(found, due) if stock else ()
    for one in [each for each in found if each.bump][:1]:
        what = "earnings" if stock else "macroeconomic release"
        said = f"and the calendar has no {what} there" if one in strange else f"as the calendar has it ({what})"
        note = f"one move between {one.begins:.0f} and {one.ends:.0f} trading days ahead that would make up for "
        note += f"{one.ratio:.1f}x the variance a day of the expiries around it, {said}"
        sheet.add("implied_event", 100.0 * one.move, Unit.PERCENT, of_chain(chain), note=note)
    for event in quiet:
        sheet.lack(
            f"any sign in the expiries of the earnings that the calendar has {event.last:.0f} trading days ahead"
        )
    return not stock or not (strange or quiet)


def _due(event: Event, now: datetime) -> Due:
    """The trading days on which an event may reach the price."""
    if event.day < now.date():
        return Due(0.0, 0.0)
    day = trading_days(now, event.day)
    later = {True: (0.0, 0.0), False: (1.0, 1.0), None: (0.0, 1.0)}[event.before_open]
    if event.kind is not EventKind.EARNINGS:
        later = (0.0, 0.0)  # released in session or before it
    return Due(day + later[0], day + later[1])


def _kept(sheet: Sheet, snapshot: MarketSnapshot) -> None:
    """The share of the chain that the quality gate left: rows with their quotes, all kept rows where there are none."""
    quality, chain = snapshot.quality, snapshot.chain
    if quality is None or chain is None or quality.rows == 0:
        sheet.lack("what the quality gate left of the chain")
        return
    blank = sum(count for _, count in quality.unquoted)
    said = shorten(quality.text(), NOTE_LENGTH, placeholder=" ...") or "nothing found"
    note = f"of {quality.rows} rows, what the quality gate let through: {said}"
    sheet.add("chain_kept", (quality.kept - blank) / quality.rows, Unit.PROBABILITY, of_chain(chain), note=note)


def _strikes(sheet: Sheet, chain: OptionChain, surface: Surface, iv: float | None) -> None:
    """25-delta skew at 30 days, and what it costs to trade in and out at the money."""
    origin = of_chain(chain)
    near = [surface.slices[i] for i in bracket(np.array([one.t for one in surface.slices]), 30.0)]
    t = np.array([one.t for one in near])
    wings = [
        constant_maturity(t, np.array([_delta_vol(one, is_call) for one in near]), 30.0) for is_call in (False, True)
    ]
    if iv is None or wings[0] is None or wings[1] is None:
        sheet.lack("no 25-delta skew at 30 days")
    else:
        value = skew(wings[0], wings[1], iv)
        note = "(25-delta put - call) / ATM, forward delta, 30 days"
        sheet.add("skew_25d", value, Unit.RATIO, origin, note=note)
    if chain.quotes is Quotes.NONE:
        sheet.lack("what a round trip costs, for the chain has no quotes")
        return
    one = surface.slices[surface.nearest(30.0)]
    strikes = chain.strike[one.rows]
    quoted = (chain.bid[one.rows] > 0.0) & (chain.ask[one.rows] >= chain.bid[one.rows])
    call = chain.is_call[one.rows]
    paired = np.intersect1d(strikes[quoted & call], strikes[quoted & ~call])
    if len(paired) == 0:
        sheet.lack("no strike near 30 days is quoted on both sides")
        return
    rows = one.rows[quoted & (strikes == paired[int(np.argmin(np.abs(paired - one.forward)))])]
    spread, mid = (chain.ask[rows] - chain.bid[rows]).sum(), 0.5 * (chain.ask[rows] + chain.bid[rows]).sum()
    note = "in at a quarter of the spreads and out at half of them, of the ATM straddle near 30 days, before fees"
    note += "; spreads of a model" if chain.quotes is Quotes.MODEL else ""
    sheet.add("round_trip_cost", 0.75 * float(spread / mid), Unit.RATIO, origin, note=note)


def _delta_vol(one: SliceFit, is_call: bool) -> float:
    return float(one.vol(math.log(one.delta_strike(0.25, is_call) / one.forward)))


def _against_realised(sheet: Sheet, snapshot: MarketSnapshot, iv: float | None) -> dict[str, tuple[float, float]]:
    """Implied over realised: (score, weight) by evidence name."""
    bars = recent_daily(snapshot)
    if isinstance(bars, str):
        sheet.lack(bars)
        return {}
    try:
        rv = close_to_close(bars, REALISED)
    except BadInput as error:
        sheet.lack(str(error))
        return {}
    sheet.add("rv_21d", rv, Unit.VOL, of_bars(bars), note="close to close, 21 trading days")
    if iv is None or rv <= 0.0 or snapshot.chain is None:
        return {}
    origin = both(of_chain(snapshot.chain), of_bars(bars))
    note = "ATM IV 30d over the trailing 21-day realised; trailing, not a forecast"
    sheet.add("iv_over_rv", iv / rv, Unit.RATIO, origin, note=note)
    note = "ATM IV 30d less the trailing 21-day realised"
    sheet.add("vrp_trailing", 100.0 * (iv - rv), Unit.VOL_POINTS, origin, note=note)
    return {"iv_over_rv": (math.tanh(math.log(iv / rv) / 0.35), 2.0)}


def _against_vix(sheet: Sheet, snapshot: MarketSnapshot) -> dict[str, tuple[float, float]]:
    """VIX in its year and its term structure: (score, weight) by evidence name, only for names that VIX measures."""
    levels: Mapping[str, IndexLevel] = {level.name: level for level in snapshot.indices}
    parts: dict[str, tuple[float, float]] = {}
    history, family = snapshot.vix_history, snapshot.ticker in SPX_FAMILY
    vix = levels.get("VIX")
    if vix is not None:
        origin = Origin(vix.known_at, vix.name)
        closes = np.empty(0) if history is None else history.close[history.start < _midnight(vix)]
        found = standing(vix.value, closes) if family else None
        note = "the last close known" if family else "the S&P 500's; context, not this name's own"
        if found is not None:
            note = f"the last close known, standing in for 30-day IV; rank and percentile over {found.window} days"
            sheet.add("iv_rank", found.rank, Unit.PROBABILITY, origin, note=note)
        elif family:
            sheet.lack("no VIX history for a rank")
        percentile, zscore = (found.percentile, found.zscore) if found else (None, None)
        sheet.add("vix", vix.value / 100.0, Unit.VOL, origin, percentile=percentile, zscore=zscore, note=note)
        if found is not None and found.may_flag:
            parts["vix"] = (2.0 * found.percentile - 1.0, 1.0)
        elif found is not None:
            sheet.lack(f"{found.window} days of VIX, too few to call it high or low")
    if not family:
        sheet.lack("no implied volatility history of this name for a rank")
    for name, near, far in (("vix9d_over_vix", "VIX9D", "VIX"), ("vix_over_vix3m", "VIX", "VIX3M")):
        if near in levels and far in levels and levels[far].value > 0.0:
            a, b = levels[near], levels[far]
            note = "above 1 is backwardation" + ("" if a.day == b.day else "; closes of different days")
            origin = both(Origin(a.known_at, near), Origin(b.known_at, far))
            sheet.add(name, a.value / b.value, Unit.RATIO, origin, note=note)
            if family and name == "vix_over_vix3m":
                parts[name] = (math.tanh((1.0 - a.value / b.value) / 0.15), 0.5)
    return parts


def _midnight(level: IndexLevel) -> int:
    """Epoch seconds at which the level's day begins in UTC: bars that start before it are history."""
    return (level.day - date(1970, 1, 1)).days * 86_400
