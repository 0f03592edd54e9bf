"""Usefulness of evidence: a planted relation is found, noise is not, and short records say nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache

import numpy as np
import pytest
from scipy.stats import spearmanr

from domain.codec import dumps
from domain.errors import BadInput
from lab.usefulness import IMPLIED, Observation, Usefulness, effective, forward_usefulness, spearman, windows_needed
from tools.randomness import generator
from tools.sessions import between


@cache
def days() -> tuple[date, ...]:
    return between(date(2010, 1, 4), date(2019, 12, 31))


def moment(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 19, 45, tzinfo=UTC)


def observed(values: np.ndarray, spots: np.ndarray, name: str = "flow/x", ticker: str = "SPX") -> list[Observation]:
    return [
        Observation(name=name, ticker=ticker, at=moment(day), value=float(value), spot=float(spot))
        for day, value, spot in zip(days(), values, spots, strict=False)
    ]


def one(found: tuple[Usefulness, ...], axis: str, horizon: int, name: str = "flow/x") -> Usefulness:
    (match,) = (item for item in found if (item.name, item.axis, item.horizon) == (name, axis, horizon))
    return match


def path(returns: np.ndarray) -> np.ndarray:
    """Spots whose change from t to t+1 is returns[t]."""
    return np.asarray(100.0 * np.exp(np.concatenate(([0.0], np.cumsum(returns)[:-1]))))


def test_a_planted_relation_is_found_and_its_sign_is_right() -> None:
    draws = generator(1)
    x = draws.standard_normal(600)
    returns = 0.01 * (0.4 * x + np.sqrt(1 - 0.4**2) * draws.standard_normal(600))
    found = one(forward_usefulness(observed(x, path(returns)), (1,)), "direction", 1)
    assert found.finding == "pass"
    assert found.ic == pytest.approx(0.385, abs=0.08)  # 6/π·asin(ρ/2) for ρ = 0.4
    assert found.low is not None
    assert found.high is not None
    assert 0.0 < found.low < found.ic < found.high
    assert found.n == found.n_effective == 599
    against = one(forward_usefulness(observed(-x, path(returns)), (1,)), "direction", 1)
    assert against.ic == pytest.approx(-found.ic)
    assert against.finding == "pass"


def test_a_planted_volatility_relation_is_found_against_implied() -> None:
    draws = generator(2)
    state = np.repeat(draws.standard_normal(120), 5)[:590]
    returns = 0.01 * np.exp(0.5 * state) * draws.standard_normal(590)
    spots = path(returns)
    rows = observed(state, spots) + observed(np.full(590, 0.16), spots, IMPLIED)
    found = forward_usefulness(rows, (5,))
    assert one(found, "volatility", 5).finding == "pass"
    assert one(found, "volatility", 5).ic > 0.4  # type: ignore[operator]
    assert one(found, "direction", 5).finding != "pass"
    constant = one(found, "volatility", 5, IMPLIED)
    assert (constant.ic, constant.low, constant.finding) == (None, None, "insufficient")


def test_without_implied_volatility_there_is_no_volatility_outcome() -> None:
    found = one(forward_usefulness(observed(np.arange(50.0), path(np.full(50, 0.001))), (5,)), "volatility", 5)
    assert (found.n, found.ic, found.finding) == (0, None, "insufficient")


def test_persistent_evidence_over_overlapping_windows_is_rarely_passed_by_chance() -> None:
    """The classic trap: AR(1) 0.97 evidence against 21-day returns. Counting 900 days as 900 would pass about half."""
    passed = naive = 0
    for seed in range(60):
        draws = generator(seed, "null")
        shocks = draws.standard_normal(900)
        x = np.zeros(900)
        for i in range(1, 900):
            x[i] = 0.97 * x[i - 1] + shocks[i]
        spots = path(0.01 * draws.standard_normal(900))
        found = one(forward_usefulness(observed(x, spots), (21,), draws=200), "direction", 21)
        passed += found.finding == "pass"
        naive += spearmanr(x[:-21], np.log(spots[21:] / spots[:-21])).pvalue < 0.05
    assert passed <= 6
    assert naive >= 20


def test_noise_fails_only_when_a_material_relation_would_have_been_found() -> None:
    def noise(sessions: int) -> Usefulness:
        x, returns = generator(3, sessions).standard_normal((2, sessions))
        return one(forward_usefulness(observed(x, path(0.01 * returns)), (1,)), "direction", 1)

    assert (noise(900).finding, noise(900).needed) == ("fail", 0)
    assert (noise(200).finding, noise(200).needed) == ("insufficient", windows_needed() - 199)


def test_forty_one_sessions_can_say_nothing_about_a_month() -> None:
    draws = generator(4)
    x = draws.standard_normal(41)
    found = forward_usefulness(observed(x, path(0.01 * x)), (1, 5, 21))
    assert one(found, "direction", 1).n_effective == 40
    assert one(found, "direction", 5).n_effective == 8
    assert one(found, "direction", 21).n_effective == 1
    assert [one(found, "direction", h).finding for h in (1, 5, 21)] == ["pass", "insufficient", "insufficient"]
    assert "at least 30" in one(found, "direction", 5).why
    assert one(found, "direction", 21).low is None


def test_many_names_of_one_session_are_not_many_windows() -> None:
    draws = generator(5)
    market = draws.standard_normal(120)
    rows: list[Observation] = []
    for ticker in ("AAPL", "AMZN", "NVDA", "TSLA"):
        own = 0.01 * (market + 0.1 * draws.standard_normal(120))
        rows += observed(draws.standard_normal(120), path(own), ticker=ticker)
    found = one(forward_usefulness(rows, (1,)), "direction", 1)
    assert (found.n, found.n_effective) == (4 * 119, 119)


def test_benjamini_hochberg_counts_everything_that_was_tried() -> None:
    """One relation with p near 0.03 passes alone and not among thirty that show nothing."""
    draws = generator(8)
    spots = path(0.01 * draws.standard_normal(200))
    changes = np.diff(np.log(spots))
    ranks = np.argsort(np.argsort(changes)) / 199.0
    noise = draws.standard_normal(199)
    for share in np.linspace(0.0, 2.0, 201):
        x = np.append(noise + share * ranks, 0.0)
        alone = one(forward_usefulness(observed(x, spots), (1,), draws=50), "direction", 1)
        if alone.p is not None and alone.ic is not None and alone.ic > 0.0 and 0.02 < alone.p < 0.035:
            break
    alone = one(forward_usefulness(observed(x, spots), (1,)), "direction", 1)
    assert alone.finding == "pass"
    rows = observed(x, spots)
    for k in range(30):
        rows += observed(generator(k, "chaff").standard_normal(200), spots, name=f"flow/chaff_{k:02d}")
    assert one(forward_usefulness(rows, (1,), draws=100), "direction", 1).finding != "pass"


def test_only_a_session_that_was_seen_ends_a_window() -> None:
    rows = observed(np.arange(20.0), path(np.full(20, 0.001)))
    holed = [row for i, row in enumerate(rows) if i != 10]
    found = one(forward_usefulness(holed, (5,)), "direction", 5)
    assert found.n == 15 - 2  # sessions 5 (ends on 10) and 10 itself are gone


def test_the_last_look_of_a_session_counts() -> None:
    rows = observed(np.arange(20.0), path(np.linspace(-0.01, 0.01, 20)))
    early = [
        Observation(name=r.name, ticker=r.ticker, at=r.at - timedelta(hours=3), value=-r.value, spot=50.0) for r in rows
    ]
    assert forward_usefulness(early + rows, (1,)) == forward_usefulness(rows, (1,))


def test_the_same_input_gives_the_same_record_whatever_its_order() -> None:
    draws = generator(6)
    rows = observed(draws.standard_normal(80), path(0.01 * draws.standard_normal(80)))
    rows += observed(draws.standard_normal(80), path(0.01 * draws.standard_normal(80)), ticker="SPY")
    assert dumps(forward_usefulness(rows, (1, 5))) == dumps(forward_usefulness(rows[::-1], (5, 1)))


def test_nothing_seen_is_nothing_found() -> None:
    assert forward_usefulness((), (1, 5)) == ()


def test_nonsense_is_refused() -> None:
    rows = observed(np.arange(5.0), np.full(5, 100.0))
    with pytest.raises(BadInput, match="horizons"):
        forward_usefulness(rows, (0,))
    for bad in (observed(np.full(5, np.nan), np.full(5, 100.0)), observed(np.arange(5.0), np.zeros(5))):
        with pytest.raises(BadInput, match="can't be used"):
            forward_usefulness(bad, (1,))


def test_the_pieces() -> None:
    x, y = generator(7).standard_normal((2, 50))
    y[:10] = y[10:20]  # ties
    assert spearman(x, y) == pytest.approx(spearmanr(x, y).statistic)
    assert spearman(np.ones(5), np.arange(5.0)) is None
    assert effective(np.array([0, 1, 2, 3, 4, 5, 9, 10]), 5) == 3
    assert effective(np.array([], dtype=np.int64), 5) == 0
    assert windows_needed(0.15, 0.80) == 347  # Cohen 1988, table 3.4.1: about 346 for r = 0.15
