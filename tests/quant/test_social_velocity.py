"""Mention velocity: a burst stands out, a collector that samples less does not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from domain.errors import BadInput
from quant.social import on_clock, velocity
from tools.randomness import generator


def quiet(n: int = 40, posts: float = 10_000.0, share: float = 0.01, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    totals = np.full(n, posts)
    return generator(seed).poisson(share * totals).astype(np.float64), totals


def test_ordinary_attention_is_near_zero_and_a_burst_is_not() -> None:
    mentions, totals = quiet()
    calm = velocity(mentions, totals)
    assert calm is not None
    assert abs(calm.zscore) < 3.0
    mentions[-1] = 5.0 * 100.0
    loud = velocity(mentions, totals)
    assert loud is not None
    assert loud.zscore > 8.0
    assert loud.ratio == pytest.approx(5.0, rel=0.1)
    assert loud.window == 28


def test_a_collector_that_samples_a_tenth_is_no_news() -> None:
    mentions, totals = quiet()
    mentions[-1], totals[-1] = 10.0, 1_000.0
    found = velocity(mentions, totals)
    assert found is not None
    assert abs(found.zscore) < 1.0


def test_a_thinly_mentioned_name_needs_several_mentions() -> None:
    mentions, totals = np.zeros(40), np.full(40, 10_000.0)
    mentions[-1] = 1.0
    one = velocity(mentions, totals)
    mentions[-1] = 20.0
    many = velocity(mentions, totals)
    assert one is not None
    assert many is not None
    assert one.zscore < 2.0 < many.zscore


def test_hours_are_summed_to_days_and_missing_hours_tolerated() -> None:
    mentions, totals = quiet(24 * 30, posts=500.0)
    whole = velocity(mentions, totals, period=24)
    mentions[-5:-2] = np.nan
    holed = velocity(mentions, totals, period=24)
    assert whole is not None
    assert holed is not None
    assert holed.share == pytest.approx(whole.share, rel=0.5)
    mentions[-14:] = np.nan
    assert velocity(mentions, totals, period=24) is None


def test_too_little_history_is_no_velocity() -> None:
    mentions, totals = quiet(14)
    assert velocity(mentions, totals) is None
    assert velocity(np.empty(0), np.empty(0)) is None
    mentions, totals = quiet()
    totals[-1] = 0.0
    assert velocity(mentions, totals) is None


def test_nonsense_counts_raise() -> None:
    mentions, totals = quiet()
    with pytest.raises(BadInput, match="negative"):
        velocity(-mentions, totals)
    with pytest.raises(BadInput, match="one length"):
        velocity(mentions[1:], totals)


def test_counts_stand_on_an_unbroken_clock() -> None:
    grid = on_clock(np.array([3_600, 7_230, 14_400]), np.array([1.0, 2.0, 4.0]), 3_600)
    np.testing.assert_array_equal(grid, [1.0, 2.0, np.nan, 4.0])
    assert len(on_clock(np.empty(0, dtype=np.int64), np.empty(0), 3_600)) == 0
    with pytest.raises(BadInput, match="ascend"):
        on_clock(np.array([7_200, 7_300]), np.ones(2), 3_600)
    with pytest.raises(BadInput, match="one length"):
        on_clock(np.array([7_200]), np.ones(2), 3_600)


@pytest.mark.data
def test_gme_in_january_2021(shared_data: Path) -> None:
    """The run-up of mid-January stands out; the collector's forty-fold jump of the 29th, in itself, does not."""
    frame = pl.read_parquet(shared_data / "social" / "wsb_gme_hourly_2020-04_2021-02.parquet").sort("hour")
    times = frame["hour"].dt.epoch("s").to_numpy().astype(np.int64)
    mentions = on_clock(times, frame["cnt_gme_post"].cast(pl.Float64).to_numpy(), 3_600)
    totals = on_clock(times, frame["cnt_all_post"].cast(pl.Float64).to_numpy(), 3_600)

    def end_of(day: int) -> int:
        return int(datetime(2021, 1, day, 23, tzinfo=UTC).timestamp() - times[0]) // 3_600 + 1

    run_up = velocity(mentions[: end_of(14)], totals[: end_of(14)], period=24)
    assert run_up is not None
    assert run_up.zscore > 2.0
    assert run_up.ratio > 5.0
    before, after = (float(mentions[end_of(day) - 24 : end_of(day)].sum()) for day in (28, 29))
    assert after > 15.0 * before
    resampled = velocity(mentions[: end_of(29)], totals[: end_of(29)], period=24)
    assert resampled is not None
    assert abs(resampled.zscore) < 1.0
