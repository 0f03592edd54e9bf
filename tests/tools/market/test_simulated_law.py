"""The law of the simulated market: the paths follow what `fair` quotes, and a planted edge is paid."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from domain.market import OptionChain
from tools import sessions
from tools.market.simulated import indices
from tools.market.simulated.carry import accrued, drops, kept, reports
from tools.market.simulated.edges import CASES, Case, Edge, edges, entries, outcome
from tools.market.simulated.listings import listings, strikes
from tools.market.simulated.market import SimulatedMarket
from tools.market.simulated.paths import closes, grid, jumps, path
from tools.market.simulated.presets import PROFILES, variance_ratio
from tools.market.simulated.pricing import Moment, moment, terms, value
from tools.market.simulated.quotes import book

NOON = sessions.new_york(date(2026, 6, 30), 12, 0)


def windows(seed: int, preset: str) -> tuple[np.ndarray, np.ndarray]:
    """(realised, implied) annual variance of SPX over non-overlapping 21-session windows."""
    moves = np.diff(np.log(path(seed, "SPX").price[:, -1]))
    vix = indices.index(preset, seed, "VIX", NOON.timestamp() + 1e9, 10_000)
    assert vix is not None
    implied = (vix.close[:-21:21] / 100) ** 2
    realised = np.array([np.sum(moves[i : i + 21] ** 2) for i in range(0, len(moves) - 20, 21)]) * 12
    count = min(len(realised), len(implied))
    return realised[:count], implied[:count]


@pytest.mark.parametrize("preset", ["fair", "vrp", "planted:-0.2"])
def test_realised_variance_pays_what_the_preset_says(preset: str) -> None:
    """Over 40 seeds and five years the realised variance is m times the implied, within three standard errors."""
    sums = np.array([[part.mean() for part in windows(seed, preset)] for seed in range(40)])
    measured = sums[:, 0].sum() / sums[:, 1].sum()
    error = np.std(sums[:, 0] - measured * sums[:, 1]) / np.sqrt(len(sums)) / sums[:, 1].mean()
    assert error < 0.03 * variance_ratio(preset)
    assert abs(measured - variance_ratio(preset)) < 3 * error


def settled(seed: int, ticker: str, listing_expiry: date, settles_at: int) -> float:
    at = int(np.searchsorted(grid().days, listing_expiry.toordinal()))
    node = 0 if settles_at == int(grid().opens[at]) else int(grid().steps[at])
    return float(path(seed, ticker).price[at, node])


@pytest.mark.parametrize("ticker", ["SPX", "SPY", "NVDA"])
def test_forwards_are_what_the_path_pays(ticker: str) -> None:
    """Interest, dividends, jumps, reports and the variance scheme together leave the discounted price a martingale."""
    ratios = []
    for seed in range(60):
        for session in range(10, 1100, 130):
            at = moment("fair", seed, ticker, session, 20)
            listing = max(
                (each for each in listings(ticker, at.day, at.stamp) if (each.expiry - at.day).days < 100),
                key=lambda each: each.settles_at,
            )
            to = terms(at, listing.settles_at)
            ratios.append(settled(seed, ticker, listing.expiry, listing.settles_at) / to.forward - 1)
    error = np.std(ratios) / np.sqrt(len(ratios))
    assert error < 0.009
    assert abs(np.mean(ratios)) < 3 * error


def strangle(at: Moment, days: tuple[int, int]) -> tuple[float, float, float, float, int, date] | None:
    """(fair price at the forward, forward, strike, discount, settlement, expiry) of the first listing so far off."""
    for listing in listings(at.ticker, at.day, at.stamp):
        if days[0] <= (listing.expiry - at.day).days <= days[1]:
            to = terms(at, listing.settles_at)
            strike = round(to.forward, 0)
            fair = value(at, to, np.array([strike]))
            worth = float(2 * fair.near[0] + to.discount * abs(to.forward - strike))
            return worth, to.forward, strike, to.discount, listing.settles_at, listing.expiry
    return None


@pytest.mark.slow
@pytest.mark.parametrize("ticker", ["IWM", "TSLA"])
def test_straddles_held_to_settlement_pay_what_they_cost_under_fair(ticker: str) -> None:
    """A month out; TSLA's windows hold reports. Under `vrp` they pay clearly less."""
    paid: dict[str, list[float]] = {"fair": [], "vrp": []}
    for seed in range(60):
        for session in range(7 + seed, 1180, 90):
            for preset, found in paid.items():
                at = moment(preset, seed, ticker, session, 30)
                one = strangle(at, (24, 36))
                if one is None:
                    continue
                worth, _, strike, discount, settles_at, expiry = one
                found.append(discount * abs(settled(seed, ticker, expiry, settles_at) - strike) / worth - 1)
    fair, vrp = np.array(paid["fair"]), np.array(paid["vrp"])
    error = fair.std() / np.sqrt(len(fair))
    assert error < 0.04
    assert abs(fair.mean()) < 3 * error
    assert vrp.mean() < fair.mean() - 0.08


def test_quotes_carry_a_report_until_it_is_out() -> None:
    """Across the night of a report the implied variance to one expiration falls by the report's own."""
    found = []
    for seed in range(30):
        report = reports("AMZN")[3]
        eve = int(np.searchsorted(grid().days, report.day.toordinal()))
        before = moment("fair", seed, "AMZN", eve, int(grid().steps[eve]) - 1)
        after = moment("fair", seed, "AMZN", eve + 1, 0)
        assert before.report_variance == pytest.approx(0.065**2 * 0.75)
        expiry = next(each for each in listings("AMZN", after.day, after.stamp) if (each.expiry - after.day).days > 8)
        quoted = [terms(at, expiry.settles_at).event for at in (before, after)]
        assert quoted == [before.report_variance, 0.0]
        found.append(np.log(after.spot / before.spot))
    # what the price does that night is as wide as what was quoted: chi-square, 30 degrees of freedom
    night = 0.2 / 252 * 0.08 + before.report_variance
    assert 15 < np.sum(np.square(found)) / night < 52


def test_prices_drop_by_the_dividend() -> None:
    """SPY and SPX share one martingale: what is between them is the ex-dates' drops and the index's carry."""
    spy, spx = (np.log(path(3, ticker).price[:, -1]) for ticker in ("SPY", "SPX"))
    gap = np.diff(spy - spx)
    days = [date.fromordinal(int(day)) for day in grid().days[1:]]
    ex = {drop.day for drop in drops("SPY")}
    for move, day in zip(gap.tolist(), days, strict=True):
        drop = np.log1p(-0.00325) if day in ex else 0.0
        assert move == pytest.approx(drop + 0.013 * 2 / 365, abs=0.013 * 3.1 / 365)
    at = moment("fair", 3, "SPY", 900, 10)
    far = max(listings("SPY", at.day, at.stamp), key=lambda each: each.settles_at)
    count = sum(at.stamp < drop.opens <= far.settles_at for drop in drops("SPY"))
    assert count > 4
    assert kept("SPY", at.stamp, far.settles_at) == pytest.approx((1 - 0.00325) ** count)
    grown = np.exp(accrued(far.settles_at) - accrued(at.stamp))
    assert terms(at, far.settles_at).forward == pytest.approx(at.spot * grown * (1 - 0.00325) ** count)


def test_an_american_call_is_worth_its_exercise_on_the_eve_of_an_ex_date() -> None:
    drop = next(each for each in drops("SPY") if each.day > date(2024, 1, 1))
    eve = int(np.searchsorted(grid().days, drop.day.toordinal())) - 1
    at = moment("fair", 5, "SPY", eve, int(grid().steps[eve]) - 1)
    expiry = next(each for each in listings("SPY", at.day, at.stamp) if (each.expiry - at.day).days > 5)
    deep = np.array([round(0.85 * at.spot)])
    priced = value(at, terms(at, expiry.settles_at), deep)
    assert priced.is_call[0]
    assert priced.fair[0] >= at.spot - deep[0]  # a European holder would lose most of the dividend
    to = terms(at, expiry.settles_at)
    assert priced.fair[0] > to.discount * (to.forward - deep[0]) + 0.5 * 0.00325 * at.spot


async def test_vix_is_the_strip_of_the_markets_own_quotes() -> None:
    """Cboe's formula on the mids of the simulated chain gives the index, within a third of a point."""
    market = SimulatedMarket("vrp", 11)
    level = indices.levels(variance_ratio("vrp"), 11, "VIX")
    for session in (40, 400, 800, 1200):
        day = date.fromordinal(int(grid().days[session]))
        chain = await market.chain("SPX", sessions.new_york(day, 12, 0))
        assert isinstance(chain, OptionChain)
        now = chain.quoted_at.timestamp()
        closing = sorted({int(stamp) for stamp in chain.settles_at[chain.root == "SPXW"]})
        near = max(stamp for stamp in closing if stamp <= int(grid().opens[session]) + 30 * 86400)
        far = min(stamp for stamp in closing if stamp > int(grid().opens[session]) + 30 * 86400)
        totals = [strip(chain, stamp) for stamp in (near, far)]
        weight = (far - now - 30 * 86400) / (far - near)
        measured = 100 * np.sqrt((weight * totals[0] + (1 - weight) * totals[1]) * 365 / 30)
        assert measured == pytest.approx(level[session, 30], abs=0.33)


def strip(chain: OptionChain, settles_at: int) -> float:
    """Total variance of one expiration: 2 Σ ΔK/K² e^{rT} Q(K) − (F/K₀ − 1)² (Cboe VIX methodology)."""
    rows = (chain.root == "SPXW") & (chain.settles_at == settles_at)
    calls, puts = rows & chain.is_call, rows & ~chain.is_call
    k, mid = chain.strike[calls], 0.5 * (chain.bid + chain.ask)
    call, put = mid[calls], mid[puts]
    growth = float(np.exp(accrued(settles_at) - accrued(chain.quoted_at.timestamp())))
    at = int(np.argmin(np.abs(call - put)))
    forward = k[at] + growth * (call[at] - put[at])
    below = int(np.searchsorted(k, forward, side="right")) - 1
    out = np.where(k > k[below], call, put)
    out[below] = 0.5 * (call[below] + put[below])
    out = np.where(np.where(k > k[below], chain.bid[calls], chain.bid[puts]) > 0, out, 0.0)
    return float(2 * growth * np.sum(np.gradient(k) / k**2 * out) - (forward / k[below] - 1) ** 2)


def test_jumps_come_together_and_volatility_moves_against_prices() -> None:
    spx, nvda = (np.diff(np.log(path(1, ticker).price[:, -1])) for ticker in ("SPX", "NVDA"))
    assert (closes(1)["SPX"].moves == closes(1)["SPY"].moves).all()
    assert (jumps(1, "SPX").size == jumps(1, "SPY").size).all()
    assert 0.2 < np.corrcoef(spx, nvda)[0, 1] < 0.8
    shared = {(s, n) for s, n in zip(jumps(1, "SPX").session.tolist(), jumps(1, "SPX").node.tolist(), strict=True)}
    own = {(s, n) for s, n in zip(jumps(1, "NVDA").session.tolist(), jumps(1, "NVDA").node.tolist(), strict=True)}
    assert shared < own
    change = np.diff(np.sqrt(closes(1)["SPX"].variance))
    assert np.corrcoef(spx, change)[0, 1] < -0.7
    assert all(each.variance.min() > 0 for each in closes(1).values())


def test_jumps_are_as_many_and_as_wide_as_their_law() -> None:
    law = PROFILES["TSLA"].law.jumps
    found = [jumps(seed, "TSLA") for seed in range(300)]
    years = 300 * len(grid().days) / 252
    count = sum(len(each.size) for each in found)
    expected = sum(jump.intensity for jump in law) * years
    assert abs(count - expected) < 4 * np.sqrt(expected)
    variance = sum(float(np.sum(each.size**2)) for each in found) / years
    assert variance == pytest.approx(sum(jump.variance for jump in law), rel=0.08)
    night = np.mean(np.concatenate([each.node == 0 for each in found]))
    assert night == pytest.approx(0.2, abs=0.03)


@pytest.mark.slow
def test_no_playbook_has_an_edge_beyond_its_costs_but_the_planted_one() -> None:
    """200 seeds. Under `fair` nothing at mid but chance and a loss after costs; the planted edge is the condor's."""
    condor, *verticals = CASES
    found = edges([("fair", case) for case in CASES] + [("planted:0.25", condor)], range(200), 1)
    fair: list[Edge] = found[: len(CASES)]
    planted = found[-1]
    assert len(verticals) == 2
    for each in fair:
        assert each.at_mid_error < 0.07
        assert abs(each.at_mid) < 2.6 * each.at_mid_error
    assert fair[0].after_costs < 0
    assert np.mean([each.after_costs for each in fair[1:]]) < 0  # up and down together: the playbook
    assert planted.at_mid > 3 * planted.at_mid_error
    assert planted.at_mid > fair[0].at_mid


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.build.__name__))
def test_a_trial_builds_its_structure_by_the_rule(case: Case) -> None:
    at = moment("fair", 2, "SPX", 700, 30)
    listing = next(each for each in listings("SPX", at.day, at.stamp) if 40 < (each.expiry - at.day).days < 50)
    rows = book(2, at, [(listing, strikes(2, "SPX", listing, 700, 30).strike)])
    legs = case.build(at, rows)
    assert sum(legs.quantity) == 0
    assert set(legs.strike.tolist()) <= set(rows.strike.tolist())
    wide = np.abs(legs.strike[1] - legs.strike[0])
    if len(legs.strike) == 4:
        assert legs.strike[1] < legs.strike[0] < at.spot < legs.strike[2] < legs.strike[3]
        assert 0.015 * at.spot <= wide < 0.02 * at.spot
    else:
        assert abs(legs.strike[0] / at.spot - 1) < 0.02
        assert 0.03 * at.spot <= wide < 0.035 * at.spot
    held = [outcome("fair", 2, "SPX", session, case.rules, case.build) for session in entries(2, 6)]
    assert all(-1.05 < each.at_mid < 6 and each.costs > 0 and 1 <= each.sessions <= 40 for each in held)
