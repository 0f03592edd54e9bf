"""flow: what is traded and held in the options themselves, and where dealers' hedging may push."""

from __future__ import annotations

import math

import numpy as np

from agents.analysts.sheet import Sheet, of_chain
from domain.market import Floats, Ints, MarketSnapshot, OptionChain, Quotes
from domain.units import Unit
from domain.views import Reading
from quant.flow.exposure import NAIVE, Dealers, OpenExpiry, net_gamma
from quant.flow.pinning import front_monthly, max_pain
from quant.flow.unusual import put_call, unusual
from quant.flow.zero_gamma import FRONT_YEARS, zero_gamma
from quant.surface import Surface

NAME = "flow"
HELD = "open interest of the prior close"
SHORT_S = 2 * 86_400  # expiries nearer than this trade more than they hold every day
MIN_TRADED = 1_000.0  # contracts under which today's put/call ratio says nothing
DIRECTION_CAP = 0.2  # of conviction: no trade's side is known
VOLATILITY_CAP = 0.3  # of conviction: the dealers' side is assumed
KNOTS = 161


def read(snapshot: MarketSnapshot, surface: Surface | None, dealers: Dealers = NAIVE) -> Reading:
    """Put/call ratios, unusual volume, net dealer gamma and its zero, max pain.

    Open interest is the position at the prior close, known before the open; today's volume is as of the quotes. The
    dealers' side is a stated assumption. Positive gamma damps moves and speaks for rich volatility, negative for
    cheap; with spot inside the uncertainty of the zero-gamma level it is undetermined and says nothing.
    """
    sheet = Sheet(snapshot, NAME)
    chain = snapshot.chain
    if chain is None:
        return sheet.abstain("no option chain")
    if not (np.nansum(chain.volume) > 0.0 or np.nansum(chain.open_interest) > 0.0):
        return sheet.abstain("the chain holds neither volume nor open interest")
    direction = _traded(sheet, snapshot, chain, surface)
    volatility = _gamma(sheet, snapshot, chain, surface, dealers)
    _pain(sheet, snapshot, chain)
    views = list(direction.values())
    score = sum(views) / len(views) if views else 0.0
    agreement = abs(sum(views)) / max(sum(abs(view) for view in views), 1e-9)
    words = "; ".join(f"{name} {value:+.2f}" for name, value in (direction | volatility).items())
    return sheet.signal(
        direction=(score, DIRECTION_CAP * agreement if views else 0.0),
        volatility=(sum(volatility.values()), VOLATILITY_CAP if volatility else 0.0),
        horizon=5,
        why=f"{words}." if words else "Nothing leans.",
        rests_on=(*direction, *volatility),
    )


def _traded(sheet: Sheet, snapshot: MarketSnapshot, chain: OptionChain, surface: Surface | None) -> dict[str, float]:
    """Ratios and outliers; direction scores by evidence name."""
    origin = of_chain(chain)
    parts: dict[str, float] = {}
    held = sheet.add("put_call_oi", put_call(chain.open_interest, chain.is_call), Unit.RATIO, origin, note=HELD)
    traded = sheet.add("put_call_volume", put_call(chain.volume, chain.is_call), Unit.RATIO, origin, note="today")
    volume, standing = float(np.nansum(chain.volume)), float(np.nansum(chain.open_interest))
    sheet.add("option_volume", volume, Unit.COUNT, origin, note="contracts today")
    if standing > 0.0:
        sheet.add("volume_over_oi", volume / standing, Unit.RATIO, origin, note=HELD)
    if traded and held and volume >= MIN_TRADED:
        parts["put_call_volume"] = -0.5 * math.tanh(math.log(traded / held))
    worth, at = _worth(chain, surface)
    eligible = chain.settles_at > snapshot.as_of.timestamp() + SHORT_S
    found = unusual(chain.volume, chain.open_interest, worth, chain.is_call, eligible, chain.multiplier)
    note = "volume over 3 times open interest, 2 days and more to expiry; no side is known"
    if found.rows:
        row = found.rows[0]
        right = "call" if chain.is_call[row] else "put"
        note += f"; largest {chain.strike[row]:g} {right} with {_days(snapshot, chain, row)} days"
    sheet.add("unusual_contracts", len(found.rows), Unit.COUNT, origin, note=note)
    if found.call_share is not None:
        sheet.add("unusual_premium", found.premium / 1e6, Unit.DOLLARS_M, origin, note=f"traded in them, at {at}")
        note = "share of that premium in calls"
        sheet.add("unusual_call_share", found.call_share, Unit.PROBABILITY, origin, note=note)
        if len(found.rows) >= 3:
            parts["unusual_call_share"] = 0.5 * (2.0 * found.call_share - 1.0)
    return parts


def _worth(chain: OptionChain, surface: Surface | None) -> tuple[Floats, str]:
    """What each option is worth, dollars a share, and by which measure; a chain without quotes is read off its smiles,
    for its last trades may be of any day.
    """
    if chain.quotes is not Quotes.NONE:
        mid = 0.5 * (chain.bid + chain.ask)
        return np.where((chain.bid > 0.0) & (chain.ask >= chain.bid), mid, chain.last), "mid"
    worth = np.full(len(chain), np.nan)
    for one in () if surface is None else surface.slices:
        worth[one.rows] = one.price(chain.strike[one.rows], chain.is_call[one.rows])
    return worth, "the fitted smile, no quotes"


def _gamma(
    sheet: Sheet, snapshot: MarketSnapshot, chain: OptionChain, surface: Surface | None, dealers: Dealers
) -> dict[str, float]:
    """Net gamma and its zero; the volatility score by evidence name."""
    held = np.where(np.isfinite(chain.open_interest), chain.open_interest, 0.0)
    expiries = () if surface is None else _open_expiries(chain, surface)
    if not expiries or held.sum() <= 0.0:
        sheet.lack("no gamma exposure without open interest and a fitted surface")
        return {}
    origin, spot = of_chain(chain), chain.spot
    share = sum(float(one.open_interest.sum()) for one in expiries) / float(held.sum())
    side = {1.0: "long", -1.0: "short"}
    naming = f"dealers {side.get(dealers.calls, dealers.calls)} calls, {side.get(dealers.puts, dealers.puts)} puts"
    note = f"per 1 % move; assumed: {naming}; {100.0 * share:.0f} % of the {HELD}"
    both = net_gamma(expiries, spot, chain.multiplier, dealers)
    front = net_gamma(tuple(one for one in expiries if one.t <= FRONT_YEARS), spot, chain.multiplier, dealers)
    sheet.add("net_gex", both.net / 1e6, Unit.DOLLARS_M, origin, note=note)
    sheet.add("net_gex_45d", front.net / 1e6, Unit.DOLLARS_M, origin, note=f"{note}; up to 45 days")
    if both.gross <= 0.0:
        sheet.lack("no gamma in any open contract")
        return {}
    balance = both.net / both.gross
    sheet.add("gex_balance", balance, Unit.SCORE, origin, note="net over gross gamma exposure")
    if both.largest_strike is not None:
        note = "strike with the largest net gamma exposure"
        sheet.add("gamma_strike", both.largest_strike, Unit.PRICE, origin, note=note)
    flip = zero_gamma(expiries, spot, chain.multiplier, dealers)
    doubtful = flip.undetermined(spot)
    if flip.levels:
        low, high = flip.levels[0], flip.levels[-1]
        note = f"{low:,.2f} to {high:,.2f} for sticky strike or moneyness, to 45 days or all ({len(flip.levels)} of 4)"
        note += "; undetermined: spot may lie on either side" if doubtful else ""
        level = float(np.median(flip.levels))
        sheet.add("zero_gamma", level, Unit.PRICE, origin, note=note)
        sheet.add("zero_gamma_distance", 100.0 * (spot - level) / spot, Unit.PERCENT, origin, note=note)
        note = "highest less lowest of them, of spot"
        sheet.add("zero_gamma_spread", 100.0 * (high - low) / spot, Unit.PERCENT, origin, note=note)
    else:
        sheet.lack("net gamma keeps its sign within 20 % of spot: there is no zero-gamma level")
    return {} if doubtful else {"gex_balance": balance}


def _open_expiries(chain: OptionChain, surface: Surface) -> tuple[OpenExpiry, ...]:
    """Open contracts of every fitted slice, each at the smile's volatility."""
    made = []
    for one in surface.slices:
        rows: Ints = one.rows[chain.open_interest[one.rows] > 0.0]
        if len(rows) == 0:
            continue
        knots = np.linspace(one.knots_k[0], one.knots_k[-1], KNOTS)
        strike = chain.strike[rows]
        made.append(
            OpenExpiry(
                t=one.t,
                forward=one.forward,
                discount=one.discount,
                strike=strike,
                is_call=chain.is_call[rows],
                sigma=one.vol(np.log(strike / one.forward)),
                open_interest=chain.open_interest[rows],
                knots_k=knots,
                knots_vol=one.vol(knots),
            )
        )
    return tuple(made)


def _pain(sheet: Sheet, snapshot: MarketSnapshot, chain: OptionChain) -> None:
    """Max pain of the front monthly expiry, the root with most open interest where two share the day."""
    alive = (chain.settles_at > snapshot.as_of.timestamp()) & (chain.open_interest > 0.0)
    expiry = front_monthly(chain.expiry[alive])
    if expiry is None:
        sheet.lack("no open monthly expiry for max pain")
        return
    rows = np.flatnonzero(alive & (chain.expiry == expiry))
    roots = np.unique(chain.root[rows])
    root = max(roots, key=lambda name: float(chain.open_interest[rows][chain.root[rows] == name].sum()))
    rows = rows[chain.root[rows] == root]
    level = max_pain(chain.strike[rows], chain.is_call[rows], chain.open_interest[rows])
    origin, note = of_chain(chain), f"{root}, {_days(snapshot, chain, int(rows[0]))} days; {HELD}"
    if sheet.add("max_pain", level, Unit.PRICE, origin, note=note) is not None and level is not None:
        away = 100.0 * (level - chain.spot) / chain.spot
        sheet.add("max_pain_distance", away, Unit.PERCENT, origin, note=note)


def _days(snapshot: MarketSnapshot, chain: OptionChain, row: int) -> int:
    """Whole calendar days to a contract's settlement."""
    return int((chain.settles_at[row] - snapshot.as_of.timestamp()) // 86_400)
