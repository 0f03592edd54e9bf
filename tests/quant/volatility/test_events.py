"""Events in the term structure: a lump of variance shows, noise does not, and the calendar is held to it."""

from __future__ import annotations

import numpy as np
import pytest

from domain.errors import BadInput
from domain.market import Floats
from quant.volatility.events import FURTHEST, Due, Interval, intervals, unexplained, unseen

DAYS = np.array([2.0, 7.0, 12.0, 17.0, 22.0, 27.0, 41.0])
DAILY = 0.015**2


def variance(*, at: float | None = None, move: float = 0.06, days: Floats = DAYS) -> Floats:
    """1.5 % a day, and one move of `move` on day `at`."""
    return DAILY * days + (0.0 if at is None else move**2 * (days >= at))


def test_a_report_shows_in_its_interval_with_its_size() -> None:
    found = intervals(DAYS, variance(at=15.0))
    (bump,) = [one for one in found if one.bump]
    assert (bump.begins, bump.ends) == (12.0, 17.0)
    assert bump.move == pytest.approx(0.06, rel=1e-6)
    assert bump.ratio == pytest.approx(1.0 + 0.06**2 / (5 * DAILY))
    assert bump.usual == pytest.approx(0.015)
    assert all(one.flat for one in found if one is not bump)


def test_without_an_event_nothing_shows() -> None:
    found = intervals(DAYS, variance())
    assert len(found) == 4, "not the last, which is long, nor the first"
    assert not any(one.bump for one in found)
    assert all(one.flat and one.ratio == pytest.approx(1.0) for one in found)


def test_a_small_lump_is_noise_and_a_steady_slope_is_no_event() -> None:
    assert not any(one.bump for one in intervals(DAYS, variance(at=15.0, move=0.02)))
    rising = DAILY * DAYS * (1.0 + 0.02 * DAYS)
    assert not any(one.bump for one in intervals(DAYS, rising))


def test_bad_quotes_tell_nothing_and_stand_for_no_neighbour() -> None:
    crossed = variance(at=15.0)
    crossed[1] = crossed[2] + 1e-4  # variance falls from the second expiry to the third
    found = intervals(DAYS, crossed)
    assert all((one.begins, one.ends) != (7.0, 12.0) for one in found)
    hole = variance(at=15.0)
    hole[3] = np.nan
    assert all(np.isfinite([one.ratio, one.move]).all() for one in intervals(DAYS, hole))
    assert intervals(DAYS[:2], variance()[:2]) == ()
    assert intervals(DAYS[:0], variance()[:0]) == ()


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(BadInput):
        intervals(DAYS, variance()[:-1])
    with pytest.raises(BadInput):
        intervals(DAYS[::-1], variance())


def test_far_expiries_are_not_judged() -> None:
    days = np.arange(2.0, FURTHEST + 40.0, 5.0)
    found = intervals(days, variance(at=FURTHEST + 10.0, days=days))
    assert max(one.ends for one in found) <= FURTHEST
    assert not any(one.bump for one in found)


FOUND = intervals(DAYS, variance(at=15.0))


@pytest.mark.parametrize(
    ("due", "strange", "missed"),
    [
        ((), 1, 0),
        ((Due(15.0, 15.0),), 0, 0),
        ((Due(12.0, 13.0),), 0, 0),  # before or after the hours: it may be the one
        ((Due(12.0, 12.0),), 1, 1),  # the day before the interval: neither there nor seen where it should be
        ((Due(9.0, 9.0), Due(15.0, 16.0)), 0, 1),
        ((Due(35.0, 35.0),), 1, 0),  # in the long interval nothing can be seen
    ],
)
def test_the_calendar_and_the_options_explain_each_other(due: tuple[Due, ...], strange: int, missed: int) -> None:
    assert len(unexplained(FOUND, due)) == strange
    assert len(unseen(FOUND, due)) == missed


def test_an_interval_between_flat_and_bump_says_neither() -> None:
    doubtful = (Interval(5.0, 10.0, 1.3, 0.02, 0.015),)
    assert unexplained(doubtful, ()) == unseen(doubtful, (Due(7.0, 7.0),)) == ()
