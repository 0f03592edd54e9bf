"""The growth-optimal number of contracts against closed forms, and against what must never be bet."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import BadInput
from quant.sizing.kelly import growth_optimal


@pytest.mark.parametrize(("p", "gain", "loss"), [(0.6, 100, 100), (0.8, 50, 100), (0.55, 300, 200), (0.51, 1, 1)])
def test_two_outcomes_follow_kellys_formula(p: float, gain: float, loss: float) -> None:
    # Kelly (1956): f = p / loss - (1 - p) / gain per unit of wealth.
    wealth = 100_000.0
    exact = wealth * (p / loss - (1 - p) / gain)
    assert growth_optimal((gain, -loss), (p, 1 - p), wealth) == pytest.approx(exact, rel=1e-12)


def test_no_edge_is_no_bet() -> None:
    assert growth_optimal((100, -100), (0.5, 0.5), 1e5) == 0
    assert growth_optimal((100, -100), (0.4, 0.6), 1e5) == 0
    assert growth_optimal((0.0, 0.0), (0.5, 0.5), 1e5) == 0


def test_nothing_to_lose_has_no_bound() -> None:
    assert math.isinf(growth_optimal((100, 0), (0.5, 0.5), 1e5))


def test_a_node_without_weight_does_not_count() -> None:
    assert growth_optimal((100, -100, -1e9), (0.6, 0.4, 0.0), 1e5) == pytest.approx(200)


@pytest.mark.parametrize(
    ("pnl", "weights", "wealth"),
    [
        ((1.0, math.nan), (0.5, 0.5), 1e5),
        ((1.0, -1.0), (0.5, math.inf), 1e5),
        ((1.0, -1.0), (1.5, -0.5), 1e5),
        ((1.0, -1.0), (0.0, 0.0), 1e5),
        ((1.0, -1.0), (0.5, 0.5), 0.0),
        ((1.0, -1.0), (0.5, 0.5), math.nan),
        ((1.0,), (0.5, 0.5), 1e5),
        ((), (), 1e5),
    ],
)
def test_nonsense_is_refused(pnl: tuple[float, ...], weights: tuple[float, ...], wealth: float) -> None:
    with pytest.raises(BadInput):
        growth_optimal(pnl, weights, wealth)


NODES = st.lists(
    st.tuples(st.floats(-500, 500).map(lambda x: round(x, 2)), st.floats(0.01, 1)), min_size=2, max_size=12
).filter(lambda nodes: min(x for x, _ in nodes) < -1)


@given(NODES)
@settings(max_examples=150, deadline=None)
def test_no_other_size_grows_faster(nodes: list[tuple[float, float]]) -> None:
    x, w = np.array([n[0] for n in nodes]), np.array([n[1] for n in nodes])
    best = growth_optimal(x, w, 1e5)
    ruin = 1e5 / -x.min()
    assert 0 <= best < ruin

    def growth(n: float) -> float:
        return float(np.sum(w * np.log1p(n * x / 1e5)))

    for other in np.linspace(0, ruin * 0.999, 50):
        assert growth(best) >= growth(float(other)) - 1e-9


@given(NODES, st.floats(0.1, 50))
@settings(max_examples=100, deadline=None)
def test_costs_never_make_it_larger(nodes: list[tuple[float, float]], cost: float) -> None:
    x, w = np.array([n[0] for n in nodes]), np.array([n[1] for n in nodes])
    assert growth_optimal(x - cost, w, 1e5) <= growth_optimal(x, w, 1e5)
