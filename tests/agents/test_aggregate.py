"""Aggregation: abstained is neither neutral nor zero; ranking is by edge after cost, ties by ticker."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest

from agents.aggregate import UNKNOWN_COST, aggregate, rank
from domain.errors import BadInput
from domain.evidence import Evidence, evidence
from domain.units import Unit
from domain.views import ANALYSTS, Abstained, Composite, Horizon, Reading, Signal

EQUAL = dict.fromkeys(ANALYSTS, 1.0)
AS_OF = datetime(2024, 3, 5, 17, tzinfo=UTC)


def view(
    analyst: str,
    direction: tuple[float, float] = (0.0, 0.0),
    volatility: tuple[float, float] = (0.0, 0.0),
    horizon: Horizon = 21,
    ticker: str = "SPX",
    facts: tuple[Evidence, ...] = (),
) -> Reading:
    made = Signal(
        ticker=ticker,
        analyst=analyst,
        direction=direction[0],
        direction_conviction=direction[1],
        volatility=volatility[0],
        volatility_conviction=volatility[1],
        horizon=horizon,
        why="",
        evidence=(),
    )
    return Reading(analyst=analyst, evidence=facts, signal=made)


def silent(analyst: str) -> Reading:
    return Reading(analyst=analyst, evidence=(), signal=Abstained(who=analyst, ticker="SPX", why="no data"))


def composite(ticker: str, edge: float) -> Composite:
    made = aggregate(ticker, (view("flow", direction=(1.0, 1.0), ticker=ticker),), EQUAL, cost=0.0)
    assert made is not None
    return Composite(
        ticker=ticker,
        direction=0.0,
        volatility=0.0,
        direction_conviction=0.0,
        volatility_conviction=0.0,
        horizon=21,
        agreement=0.0,
        edge=edge,
    )


def test_all_abstained_is_no_composite() -> None:
    assert aggregate("SPX", tuple(silent(name) for name in ANALYSTS), EQUAL) is None
    assert aggregate("SPX", (), EQUAL) is None


def test_an_abstention_changes_nothing_that_was_said() -> None:
    spoken = (view("vol_surface", volatility=(0.6, 0.5)), view("flow", volatility=(-0.2, 0.3)))
    alone = aggregate("SPX", spoken, EQUAL, cost=0.01)
    assert alone == aggregate("SPX", (*spoken, silent("social"), silent("technical")), EQUAL, cost=0.01)


def test_a_neutral_view_does_change_it_but_a_view_without_conviction_does_not() -> None:
    base = (view("vol_surface", volatility=(0.6, 0.5)),)
    alone = aggregate("SPX", base, EQUAL, cost=0.0)
    neutral = aggregate("SPX", (*base, view("flow", volatility=(0.0, 0.5))), EQUAL, cost=0.0)
    unsure = aggregate("SPX", (*base, view("flow", volatility=(0.0, 0.0))), EQUAL, cost=0.0)
    assert alone is not None
    assert neutral is not None
    assert unsure == alone
    assert neutral.volatility == pytest.approx(0.3)
    assert neutral.edge < alone.edge


def test_values_by_hand() -> None:
    found = aggregate(
        "SPX",
        (
            view("vol_surface", volatility=(0.8, 0.5), horizon=21),
            view("technical", direction=(0.4, 0.2), horizon=21),
            view("flow", direction=(-0.2, 0.1), volatility=(-0.4, 0.25), horizon=5),
        ),
        EQUAL | {"flow": 2.0},
        cost=0.02,
    )
    assert found is not None
    assert found.volatility == pytest.approx((0.5 * 0.8 - 2 * 0.25 * 0.4) / (0.5 + 2 * 0.25))
    conviction = 1 - (1 - 0.5) ** 0.8 * (1 - 0.25) ** 1.6  # weights 1 and 2 over their mean of 1.25
    assert found.volatility_conviction == pytest.approx(conviction, abs=1e-3)
    assert found.direction == pytest.approx((0.2 * 0.4 - 2 * 0.1 * 0.2) / (0.2 + 2 * 0.1))
    assert found.agreement == pytest.approx((0.4 - 0.2) / (0.4 + 0.2), abs=1e-3)
    assert found.edge == pytest.approx(0.2 * conviction - 0.02, abs=1e-4)
    assert found.horizon == 21


def test_who_agrees_adds_conviction_and_scaling_all_weights_changes_nothing() -> None:
    readings = (view("vol_surface", volatility=(0.5, 0.5)), view("flow", volatility=(0.5, 0.2)))
    found = aggregate("SPX", readings, EQUAL, cost=0.0)
    assert found is not None
    assert (found.volatility, found.volatility_conviction) == (0.5, 0.6)
    assert found == aggregate("SPX", readings, dict.fromkeys(ANALYSTS, 7.0), cost=0.0)


def test_the_edge_is_the_better_axis_not_their_sum() -> None:
    both = aggregate("SPX", (view("flow", direction=(-0.9, 0.5), volatility=(0.5, 0.5)),), EQUAL, cost=0.05)
    assert both is not None
    assert both.edge == pytest.approx(0.45 - 0.05)


def test_the_cost_comes_from_the_evidence_and_unknown_is_dear() -> None:
    fact = evidence(
        "SPX", "vol_surface", "round_trip_cost", 0.012, Unit.RATIO, as_of=AS_OF, known_at=AS_OF, source="test"
    )
    told = aggregate("SPX", (view("vol_surface", volatility=(1.0, 0.5), facts=(fact,)),), EQUAL)
    untold = aggregate("SPX", (view("vol_surface", volatility=(1.0, 0.5)),), EQUAL)
    assert told is not None
    assert untold is not None
    assert told.edge == pytest.approx(0.5 - 0.012)
    assert untold.edge == pytest.approx(0.5 - UNKNOWN_COST)


def test_the_order_of_completion_changes_nothing() -> None:
    readings = (
        view("vol_surface", volatility=(0.123, 0.457)),
        view("technical", direction=(0.331, 0.219)),
        view("flow", direction=(-0.177, 0.093), volatility=(-0.411, 0.251)),
        view("social", volatility=(-0.3, 0.1), horizon=5),
    )
    found = {repr(aggregate("SPX", order, EQUAL)) for order in itertools.permutations(readings)}
    assert len(found) == 1


def test_the_horizon_is_that_of_the_signal_that_carries_the_edge() -> None:
    readings = (
        view("vol_surface", volatility=(0.2, 0.2), horizon=21),
        view("flow", volatility=(0.9, 0.5), horizon=5),
        view("social", volatility=(-1.0, 0.25), horizon=45),
    )
    found = aggregate("SPX", readings, EQUAL)
    assert found is not None
    assert found.horizon == 5


@pytest.mark.parametrize(
    ("readings", "weights"),
    [
        ((view("flow", ticker="SPY"),), EQUAL),
        ((view("flow"), view("flow")), EQUAL),
        ((view("flow"),), {"technical": 1.0}),
        ((view("flow"),), {"flow": -1.0}),
        ((view("flow"),), EQUAL | {"social": -1.0}),
        ((view("flow"),), {"flow": float("nan")}),
    ],
)
def test_nonsense_is_refused(readings: tuple[Reading, ...], weights: dict[str, float]) -> None:
    with pytest.raises(BadInput):
        aggregate("SPX", readings, weights)


def test_negative_cost_is_refused() -> None:
    with pytest.raises(BadInput, match="cost"):
        aggregate("SPX", (view("flow"),), EQUAL, cost=-0.1)


def test_a_weight_of_nought_silences_an_analyst() -> None:
    assert aggregate("SPX", (view("flow", direction=(1.0, 1.0)),), EQUAL | {"flow": 0.0}) is None


def test_rank_is_by_edge_and_ties_by_ticker() -> None:
    field = [composite("SPY", 0.1), composite("AAPL", 0.1), composite("TSLA", -0.2), composite("QQQ", 0.3)]
    for order in itertools.permutations(field):
        assert rank(order, 3) == ("QQQ", "AAPL", "SPY")
    assert rank(field, 10) == ("QQQ", "AAPL", "SPY", "TSLA")
    assert rank(field, 0) == ()
    assert rank((), 3) == ()
    with pytest.raises(BadInput):
        rank(field, -1)
    with pytest.raises(BadInput):
        rank((field[0], field[0]), 2)
