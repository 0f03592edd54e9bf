"""What surrounds the quotes: flows of contracts, planted prints and campaigns, the calendar, and vendor figures."""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta

import numpy as np
import pytest

from domain.market import ActionKind, EventKind, Exercise, OptionChain, SocialCounts
from quant.vanilla.implied import implied_vol
from tools import sessions
from tools.market.simulated import quotes
from tools.market.simulated.carry import accrued, drops, reports
from tools.market.simulated.crowd import prints
from tools.market.simulated.events import campaigns
from tools.market.simulated.market import SimulatedMarket
from tools.market.simulated.paths import grid, path

CLOSE = 78


def chain(seed: int, ticker: str, session: int, node: int = CLOSE, preset: str = "vrp") -> OptionChain:
    return quotes.chain(preset, seed, ticker, session, min(node, int(grid().steps[session])))


def keyed(found: OptionChain, *columns: str) -> dict[tuple[str, int, float, bool], tuple[float, ...]]:
    keys = zip(found.root.tolist(), found.expiry.tolist(), found.strike.tolist(), found.is_call.tolist(), strict=True)
    values = zip(*(getattr(found, name).tolist() for name in columns), strict=True)
    return dict(zip(keys, values, strict=True))


@pytest.mark.parametrize("ticker", ["SPY", "NVDA"])
def test_open_interest_follows_from_volume(ticker: str) -> None:
    """A day's change is never more than the volume before it, and goes with it."""
    change, volume = [], []
    for session in range(700, 712):
        today = keyed(chain(6, ticker, session), "volume", "open_interest")
        tomorrow = keyed(chain(6, ticker, session + 1, 5), "open_interest")
        for key, (traded, held) in today.items():
            if key in tomorrow:
                change.append(tomorrow[key][0] - held)
                volume.append(traded)
    moved, traded_ = np.array(change), np.array(volume)
    assert (np.abs(moved) <= traded_).all()
    assert (moved < 0).any()
    assert 0.3 < np.corrcoef(moved, traded_)[0, 1] < 0.9  # SPY 2026: 0.54 to 0.61


def test_volume_grows_within_a_session_and_interest_does_not() -> None:
    early, late = (keyed(chain(6, "QQQ", 900, node), "volume", "open_interest") for node in (10, 60))
    both = [(early[key], late[key]) for key in early if key in late]
    assert len(both) > 5000
    assert all(b[0] >= a[0] and b[1] == a[1] for a, b in both)
    assert sum(b[0] for _, b in both) > 3 * sum(a[0] for a, _ in both)


def test_a_planted_print_shows_from_its_moment_and_stays_in_the_interest() -> None:
    planted = prints(4, "TSLA")
    assert 60 < len(planted) < 160
    for one in planted[20:24]:
        key = (one.root, one.expiry.toordinal(), one.strike, one.is_call)
        before, after, late = (
            keyed(chain(4, "TSLA", one.session, node), "volume", "open_interest")[key]
            for node in (one.node - 1, one.node, CLOSE)
        )
        assert after[0] - before[0] >= one.contracts
        assert late[0] >= one.contracts
        assert after[1] == before[1]
        following = keyed(chain(4, "TSLA", one.session + 1, 1), "open_interest")[key]
        assert following[0] - after[1] > 0.5 * one.contracts
        whole = chain(4, "TSLA", one.session)
        assert late[0] > np.quantile(whole.volume, 0.99)


def test_chains_are_as_full_and_as_empty_as_recorded_ones() -> None:
    """Recorded: 6-11 % zero bids, 4-9 % without volatility, 16-37 % without interest and volume; SPY 14,000 rows."""
    for ticker, rows in (("SPX", (9_000, 19_000)), ("SPY", (10_000, 18_000)), ("NVDA", (2_500, 7_000))):
        found = [chain(seed, ticker, session, 60) for seed, session in ((1, 500), (2, 800), (3, 1100))]
        shares = np.mean(
            [
                (
                    (each.bid == 0).mean(),
                    np.isnan(each.vendor_iv).mean(),
                    ((each.open_interest == 0) & (each.volume == 0)).mean(),
                )
                for each in found
            ],
            axis=0,
        )
        assert all(rows[0] < len(each) < rows[1] for each in found)
        assert 0.05 < shares[0] < 0.15
        assert 0.04 < shares[1] < 0.12
        assert 0.12 < shares[2] < 0.40
        assert np.isnan(found[0].last[found[0].volume == 0]).all()


def test_vendor_volatilities_price_their_quotes() -> None:
    """Out of the money Black at the vendor's volatility lies within bid and ask; deltas have their signs."""
    found = chain(2, "SPX", 640, 40)
    stamp = found.quoted_at.timestamp()
    years = (found.settles_at - stamp) / (365 * 86400)
    discount = np.exp(accrued(stamp) - accrued(found.settles_at))
    forward = found.spot / discount * np.exp(-0.013 * years)
    out = (found.is_call == (found.strike >= forward)) & (found.bid > 0.5) & np.isfinite(found.vendor_iv)
    assert out.sum() > 2000
    args = (forward[out], found.strike[out], years[out], discount[out], found.is_call[out])
    low, high = (implied_vol(side[out], *args).sigma for side in (found.bid, found.ask))
    assert (found.vendor_iv[out] > low - 2e-4).all()
    assert (found.vendor_iv[out] < high + 2e-4).all()
    known = np.isfinite(found.vendor_delta)
    assert (np.isfinite(found.vendor_iv) == known).all()
    assert (found.vendor_delta[known & found.is_call] >= 0).all()
    assert (found.vendor_delta[known & ~found.is_call] <= 0).all()


def test_the_preset_moves_quotes_and_vendor_figures_and_nothing_else() -> None:
    fair, rich = (chain(8, "META", 333, 20, preset) for preset in ("fair", "planted:0.3"))
    moved = {
        field.name
        for field in dataclasses.fields(OptionChain)
        if not np.array_equal(
            np.asarray(getattr(fair, field.name)),
            np.asarray(getattr(rich, field.name)),
            equal_nan=field.name in ("last", "vendor_iv", "vendor_delta"),
        )
    }
    assert moved == {"bid", "ask", "last", "vendor_iv", "vendor_delta"}
    out = (rich.is_call == (rich.strike > rich.spot)) & (fair.bid > 0.2)
    assert (rich.ask[out] >= fair.bid[out]).all()
    straddle = np.abs(rich.strike / rich.spot - 1) < 0.02
    assert np.nanmean(rich.vendor_iv[straddle] / fair.vendor_iv[straddle]) == pytest.approx(0.7**-0.5, rel=0.03)


async def test_the_calendar_tells_dates_in_their_time() -> None:
    market = SimulatedMarket("fair", 3)
    report = reports("MSFT")[9]
    drop = next(each for each in drops("MSFT") if each.day > report.day)

    async def told(moment_day: date, kind: EventKind, day: date) -> tuple[bool, bool | None] | None:
        calendar = await market.calendar("MSFT", sessions.new_york(moment_day, 20, 0))
        assert calendar.unknown == ()
        return next(
            ((each.confirmed, each.before_open) for each in calendar.events if each.kind is kind and each.day == day),
            None,
        )

    for kind, day in ((EventKind.EARNINGS, report.day), (EventKind.EX_DIVIDEND, drop.day)):
        assert await told(day - timedelta(days=110), kind, day) is None
        assert await told(day - timedelta(days=60), kind, day) == (False, None)
        sure = await told(day - timedelta(days=5), kind, day)
        assert sure == (True, False if kind is EventKind.EARNINGS else None)
        assert await told(day + timedelta(days=1), kind, day) is None
    spx = (await market.calendar("SPX", sessions.new_york(date(2025, 3, 3), 12, 0))).events
    assert [each.day for each in spx if each.kind is EventKind.OPEX][:2] == [date(2025, 3, 21), date(2025, 4, 17)]


async def test_dividends_are_known_at_the_close_before() -> None:
    market = SimulatedMarket("fair", 3)
    drop = next(each for each in drops("SPY") if each.day > date(2025, 1, 1))
    eve = sessions.previous(drop.day)
    known = sessions.daily_known_at(eve)
    for moment, there in ((known - timedelta(seconds=1), False), (known, True)):
        instrument = await market.instrument("SPY", moment)
        assert not hasattr(instrument, "why")
        days = [action.day for action in instrument.actions]  # type: ignore[union-attr]
        assert (drop.day in days) is there
        assert days == sorted(days)
    action = instrument.actions[-1]  # type: ignore[union-attr]
    at = int(np.searchsorted(grid().days, eve.toordinal()))
    assert action.kind is ActionKind.DIVIDEND
    assert action.amount == pytest.approx(0.00325 * path(3, "SPY").price[at, -1], abs=1e-4)
    nvda = await market.instrument("NVDA", known)
    assert all(each.kind is ActionKind.DIVIDEND for each in nvda.actions)  # type: ignore[union-attr]
    assert nvda.exercise is Exercise.AMERICAN  # type: ignore[union-attr]


async def test_a_campaign_is_a_burst_of_mentions_that_prices_know_nothing_of() -> None:
    market = SimulatedMarket("fair", 5)
    seen = 0
    for campaign in campaigns(5, "TSLA")[:6]:
        counts = await market.social("TSLA", sessions.new_york(campaign.begins + timedelta(days=campaign.days), 12, 0))
        assert isinstance(counts, SocialCounts)
        days = [when.date() for when in counts.times]
        if len(days) < 60 or campaign.begins not in days:
            continue
        at = days.index(campaign.begins)
        quiet = float(np.median(counts.mentions[:at]))
        assert counts.mentions[at + 1] - quiet > 0.6 * campaign.height * 1200.0 * 0.4
        assert all(m <= t for m, t in zip(counts.mentions, counts.totals, strict=True))
        seen += 1
    assert seen >= 3
    moves, after = [], []
    for seed in range(80):
        price = np.log(path(seed, "TSLA").price[:, -1])
        daily = np.diff(price)
        for campaign in campaigns(seed, "TSLA"):
            at = int(np.searchsorted(grid().days, campaign.begins.toordinal()))
            if 0 < at < len(daily) - 6:
                after.append(daily[at : at + 5])
        moves.append(daily)
    ordinary = float(np.concatenate(moves).std())
    burst = np.concatenate(after)
    assert len(burst) > 1500
    assert burst.std() == pytest.approx(ordinary, rel=0.12)
    assert abs(burst.mean()) < 4 * ordinary / np.sqrt(len(burst))
