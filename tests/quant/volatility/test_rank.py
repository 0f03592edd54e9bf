"""Rank and percentile: their definitions, the window they carry, and when they may not flag."""

from __future__ import annotations

import numpy as np
import pytest

from quant.volatility.rank import MAY_FLAG, YEAR, standing


def test_rank_and_percentile_are_different_things() -> None:
    history = np.concatenate((np.full(199, 0.12), [0.80]))  # one panic in a calm year
    found = standing(0.14, history)
    assert found is not None
    assert found.rank == pytest.approx((0.14 - 0.12) / (0.80 - 0.12))
    assert found.percentile == pytest.approx(199 / 200)
    assert found.window == 200
    assert found.may_flag


def test_a_short_history_carries_its_window_and_may_not_flag() -> None:
    short = standing(0.2, np.linspace(0.1, 0.3, MAY_FLAG - 1))
    enough = standing(0.2, np.linspace(0.1, 0.3, MAY_FLAG))
    assert short is not None
    assert enough is not None
    assert (short.window, short.may_flag) == (MAY_FLAG - 1, False)
    assert enough.may_flag


def test_only_the_trailing_year_counts() -> None:
    history = np.concatenate((np.full(500, 0.9), np.linspace(0.1, 0.2, YEAR)))
    found = standing(0.25, history)
    assert found is not None
    assert (found.rank, found.percentile, found.window) == (1.0, 1.0, YEAR)


def test_the_future_cannot_reach_back() -> None:
    history = np.linspace(0.1, 0.2, 300)
    assert standing(0.15, history[:200]) == standing(0.15, history[:200].copy())
    assert standing(0.15, history[:200]) != standing(0.15, history)


def test_no_scale_no_standing() -> None:
    assert standing(0.2, np.empty(0)) is None
    assert standing(0.2, np.array([0.2])) is None
    assert standing(0.2, np.full(300, 0.2)) is None
    assert standing(np.nan, np.linspace(0.1, 0.2, 300)) is None
    with_holes = standing(0.15, np.array([np.nan, 0.1, np.nan, 0.2]))
    assert with_holes is not None
    assert (with_holes.window, with_holes.percentile) == (2, 0.5)
