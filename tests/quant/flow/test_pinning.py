"""Max pain and the standard monthly expiry."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from domain.errors import BadInput
from quant.flow.pinning import front_monthly, max_pain, third_friday


def test_max_pain_by_hand() -> None:
    """Calls 95×1, 100×5; puts 100×1, 105×4: pain at 95 45, at 100 25, at 105 35."""
    strike = np.array([95.0, 100.0, 100.0, 105.0])
    is_call = np.array([True, True, False, False])
    assert max_pain(strike, is_call, np.array([1.0, 5.0, 1.0, 4.0])) == 100.0


def test_max_pain_is_the_minimum_over_all_strikes() -> None:
    strike = np.repeat(np.arange(80.0, 121.0, 5.0), 2)
    is_call = np.tile([True, False], 9)
    held = (strike * 7919.0) % 101.0
    pain = {
        level: sum(
            oi * max(level - k if call else k - level, 0.0) for k, call, oi in zip(strike, is_call, held, strict=True)
        )
        for level in strike
    }
    assert max_pain(strike, is_call, held) == min(pain, key=lambda level: (pain[level], level))


def test_nothing_open_has_no_max_pain() -> None:
    strike, is_call = np.array([95.0, 100.0]), np.array([True, False])
    assert max_pain(strike, is_call, np.array([np.nan, 0.0])) is None
    assert max_pain(np.empty(0), np.empty(0, dtype=np.bool_), np.empty(0)) is None
    assert max_pain(strike[:1], is_call[:1], np.array([5.0])) == 95.0
    with pytest.raises(BadInput):
        max_pain(strike, is_call, np.ones(3))


def test_third_fridays() -> None:
    assert third_friday(2019, 6) == date(2019, 6, 21)
    assert third_friday(2024, 3) == date(2024, 3, 15)
    assert third_friday(2026, 5) == date(2026, 5, 15)


def test_the_front_monthly_skips_weeklies_and_bends_for_good_friday() -> None:
    ordinals = [date(2019, 4, day).toordinal() for day in (5, 12, 18, 26)] + [date(2019, 5, 17).toordinal()]
    assert front_monthly(np.array(ordinals)) == date(2019, 4, 18).toordinal()  # Good Friday was the 19th
    assert front_monthly(np.array(ordinals[3:])) == date(2019, 5, 17).toordinal()
    both = np.array([date(2019, 6, 20).toordinal(), date(2019, 6, 21).toordinal()])
    assert front_monthly(both) == date(2019, 6, 21).toordinal()
    assert front_monthly(np.array([date(2019, 6, 26).toordinal()])) is None
    assert front_monthly(np.empty(0, dtype=np.int64)) is None
