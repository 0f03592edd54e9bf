"""The price of the underlying against bars and the chain's own parity: flagged when small, refused when gross."""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta

import pytest

from domain.errors import BadChain
from domain.market import BarSeries, Interval
from tests.tools.market.quality.chains import QUOTED, RATES, bars, clean, spy
from tools.market.quality import ALONE, screen

MINUTE = timedelta(minutes=1)
OPEN = QUOTED - timedelta(hours=2, minutes=30)
FRIDAY = OPEN - timedelta(days=4)
MONDAY = OPEN - timedelta(days=1)


def flags(daily: BarSeries | None = None, intraday: BarSeries | None = None) -> tuple[str, ...]:
    screened, quality = screen(clean(), ALONE._replace(daily=daily, intraday=intraday))
    assert len(screened) == quality.rows
    assert quality.unquoted == ()
    return quality.flags


def test_within_the_bars_there_is_nothing_to_say() -> None:
    assert flags(intraday=bars(4990.0, 5010.0, QUOTED - 10 * MINUTE, count=2)) == ()
    assert flags(daily=bars(4900.0, 5000.0, MONDAY, Interval.DAY)) == ()


def test_the_bars_around_the_quotes_count_not_those_before() -> None:
    """12:00 quotes: the bar that ended at 12:00 and the one before; an hour ago the price may have been elsewhere."""
    long_ago = bars(4700.0, 4800.0, QUOTED - 125 * MINUTE, count=12)
    assert flags(intraday=long_ago) == ()
    near = bars(4960.0, 4970.0, QUOTED - 5 * MINUTE)
    assert flags(intraday=near) == ("the underlying at 5000.00, outside 4960.00 to 4970.00 of 5m bars of bar source",)
    later = bars(4960.0, 4970.0, QUOTED + 5 * MINUTE, count=5)
    assert flags(intraday=later) == ()


def test_a_stated_time_with_an_uncertainty_has_a_longer_range() -> None:
    chain = dataclasses.replace(clean(), uncertainty_s=3600)
    low = bars(4955.0, 4970.0, QUOTED - 30 * MINUTE, count=6)
    high = dataclasses.replace(low, high=low.high.copy())
    high.high[1] = 5000.0
    assert screen(chain, ALONE._replace(intraday=high))[1].flags == ()
    assert len(screen(clean(), ALONE._replace(intraday=high))[1].flags) == 1


@pytest.mark.parametrize(("low", "high"), [(500.0, 501.0), (4600.0, 4700.0), (5300.0, 5400.0), (9990.0, 10_010.0)])
def test_gross_disagreement_with_bars_is_refused_with_both_numbers(low: float, high: float) -> None:
    with pytest.raises(BadChain, match=rf"the underlying at 5000.00, outside {low:.2f} to {high:.2f} of 5m bars"):
        flags(intraday=bars(low, high, QUOTED - 5 * MINUTE))
    with pytest.raises(BadChain, match="the day's bar of bar source"):
        flags(daily=bars(low, high, OPEN, Interval.DAY))


def test_adjusted_bars_give_no_level() -> None:
    assert flags(intraday=bars(500.0, 501.0, QUOTED - 5 * MINUTE, adjusted=True)) == ()
    assert flags(daily=bars(500.0, 501.0, MONDAY, Interval.DAY, adjusted=True)) == ()


def test_the_last_close_gives_a_wide_bound() -> None:
    assert flags(daily=bars(5300.0, 5400.0, MONDAY, Interval.DAY)) == ()
    assert flags(daily=bars(5500.0, 5600.0, MONDAY, Interval.DAY)) == (
        "the underlying at 5000.00, closed at 5600.00 on 2024-03-04 (-10.7%)",
    )
    with pytest.raises(BadChain, match=r"at 5000.00, closed at 10000.00 on 2024-03-04 .*: a split that is not known"):
        flags(daily=bars(9900.0, 10_000.0, MONDAY, Interval.DAY))
    assert flags(daily=bars(9900.0, 10_000.0, FRIDAY, Interval.DAY)) == ()  # two sessions ago: not judged


def test_a_known_split_in_between_explains_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from tools.market import reference

    beside = ALONE._replace(daily=bars(9900.0, 10_000.0, MONDAY, Interval.DAY), splits=(date(2024, 3, 5),))
    assert screen(clean(), beside)[1].flags == ()
    with pytest.raises(BadChain, match="a split that is not known"):
        screen(clean(), beside._replace(splits=(date(2024, 3, 4), date(2024, 3, 6))))
    monkeypatch.setitem(reference.SPLITS, "SPX", (date(2024, 3, 5),))
    assert flags(daily=bars(9900.0, 10_000.0, MONDAY, Interval.DAY)) == ()
    monkeypatch.setitem(reference.SPLITS, "SPX", (date(2024, 3, 4),))
    with pytest.raises(BadChain, match="a split that is not known"):
        flags(daily=bars(9900.0, 10_000.0, MONDAY, Interval.DAY))


def test_nonsense_bars_say_nothing() -> None:
    nan = float("nan")
    assert flags(intraday=bars(nan, nan, QUOTED - 5 * MINUTE), daily=bars(0.0, 0.0, MONDAY, Interval.DAY)) == ()
    assert flags(intraday=bars(0.0, -1.0, QUOTED - 5 * MINUTE), daily=bars(1.0, nan, MONDAY, Interval.DAY)) == ()


@pytest.mark.parametrize("make", [clean, spy])
def test_the_chains_own_parity(make) -> None:  # type: ignore[no-untyped-def]
    beside = ALONE._replace(rates=RATES)
    chain = make()
    near = dataclasses.replace(chain, spot=chain.spot * 1.003)
    assert screen(near, beside)[1].flags == ()
    off = dataclasses.replace(chain, spot=chain.spot * 1.01)
    (flag,) = screen(off, beside)[1].flags
    assert flag.startswith(f"the underlying at {off.spot:.2f} where parity of {chain.root[0]} 2024-03-08 implies ")
    assert flag.endswith("(-1.0%)")
    with pytest.raises(BadChain, match="not of one moment"):
        screen(dataclasses.replace(chain, spot=chain.spot * 1.07), beside)
