"""The quality gate and alignment on degenerate chains: a clear error with counts, never a guess."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from domain.errors import BadChain, SourceFailed, StaleData
from domain.market import Exercise, OptionChain
from tools.market.quality import screen
from tools.market.snapshot import lag

QUOTED = datetime(2026, 2, 12, 18, 0, tzinfo=UTC)
NAN = float("nan")


def chain(rows: list[tuple[float, bool, float, float]], spot: float = 100.0, days: int = 30) -> OptionChain:
    """A chain of (strike, is_call, bid, ask)."""
    count = len(rows)
    strike, is_call, bid, ask = (np.array(column) for column in zip(*rows, strict=True)) if rows else [np.empty(0)] * 4
    settles = QUOTED + timedelta(days=days)
    blank = np.full(count, NAN)
    return OptionChain(
        ticker="SPY",
        exercise=Exercise.AMERICAN,
        multiplier=100,
        spot=spot,
        quoted_at=QUOTED,
        known_at=QUOTED,
        source="test",
        closing=False,
        root=np.full(count, "SPY"),
        expiry=np.full(count, (date(2026, 2, 12) + timedelta(days=days)).toordinal()),
        settles_at=np.full(count, int(settles.timestamp())),
        strike=strike.astype(float),
        is_call=is_call.astype(bool),
        bid=bid.astype(float),
        ask=ask.astype(float),
        last=blank,
        volume=blank,
        open_interest=blank,
        vendor_iv=blank,
        vendor_delta=blank,
    )


GOOD = [(95.0, True, 6.0, 6.2), (100.0, True, 2.0, 2.1), (100.0, False, 1.9, 2.0), (105.0, True, 0.4, 0.5)]


def test_a_sound_chain_passes_untouched() -> None:
    sound = chain(GOOD)
    screened, quality = screen(sound)
    assert screened is sound
    assert (quality.rows, quality.kept, quality.dropped) == (4, 4, ())


def test_each_senseless_row_goes_under_its_reason() -> None:
    more = [(90.0, False, 0.2, 0.3), (90.0, True, 10.4, 10.8)]
    rows = [*more, *GOOD, (NAN, True, 1.0, 1.1), (-5.0, True, 1.0, 1.1), (110.0, True, 0.5, 0.4)]
    rows += [(110.0, False, -1.0, 9.0), (100.0, True, 7.0, 7.1)]  # the last: a second quote of the same contract
    screened, quality = screen(chain(rows))
    assert screened.strike.tolist() == [90.0, 90.0, 95.0, 100.0, 100.0, 105.0]
    assert screened.bid.tolist() == [0.2, 10.4, 6.0, 2.0, 1.9, 0.4]
    counts = {"without strike": 2, "negative quote": 1, "crossed": 1, "duplicate": 1}
    assert dict(quality.dropped) == counts
    assert quality.text() == "2 without strike, 1 negative quote, 1 crossed, 1 duplicate"


def test_missing_sides_are_facts() -> None:
    rows = [*GOOD, (120.0, True, 0.0, 0.05), (125.0, True, 0.0, NAN), (130.0, True, NAN, NAN), (80.0, False, 0.1, NAN)]
    screened, _ = screen(chain(rows))
    assert len(screened) == 8


@pytest.mark.parametrize(
    ("rows", "spot", "days", "reason"),
    [
        ([], 100.0, 30, "has no rows"),
        (GOOD, NAN, 30, "has nan as price"),
        (GOOD, -3.0, 30, "has -3.0 as price"),
        (GOOD, 0.0, 30, "has 0.0 as price"),
        (GOOD[1:3], 100.0, 30, r"a single strike: 2 of 2 rows left"),
        ([(k, c, 0.0, a) for k, c, _, a in GOOD], 100.0, 30, "no bid above zero: 4 of 4 rows left"),
        ([(k, c, NAN, NAN) for k, c, _, _ in GOOD], 100.0, 30, "no bid above zero"),
        (GOOD, 100.0, 0, r"no usable row: 0 of 4 rows left \(4 expired\)"),
        ([(k, c, a + 1, a) for k, c, _, a in GOOD], 100.0, 30, r"no usable row: 0 of 4 rows left \(4 crossed\)"),
        ([(NAN, c, b, a) for _, c, b, a in GOOD], 100.0, 30, r"4 without strike"),
    ],
)
def test_a_chain_too_poor_to_use_is_refused(
    rows: list[tuple[float, bool, float, float]], spot: float, days: int, reason: str
) -> None:
    with pytest.raises(BadChain, match=reason):
        screen(chain(rows, spot, days))


def test_lag_and_its_limit() -> None:
    one = chain(GOOD)
    assert lag(one, QUOTED, 600) == 0.0
    assert lag(one, QUOTED + timedelta(seconds=600), 600) == 600.0
    with pytest.raises(StaleData, match="SPY's newest chain is 10 min old, limit 10 min"):
        lag(one, QUOTED + timedelta(seconds=601), 600)
    with pytest.raises(StaleData, match="is 21 h old"):
        lag(one, QUOTED + timedelta(hours=21), 600)
    with pytest.raises(StaleData, match="is 4 days old, limit 15 min"):
        lag(one, QUOTED + timedelta(days=4), 900)


def test_nothing_from_the_future() -> None:
    with pytest.raises(SourceFailed, match="after"):
        lag(chain(GOOD), QUOTED - timedelta(seconds=1), 600)
    late = dataclasses.replace(chain(GOOD), known_at=QUOTED + timedelta(minutes=15))
    with pytest.raises(SourceFailed, match="after"):
        lag(late, QUOTED + timedelta(minutes=5), 600)
