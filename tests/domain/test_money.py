"""The one rounding function, and the rate curve."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput
from domain.market import RateCurve
from domain.money import to_cents


@given(st.floats(min_value=-1e9, max_value=1e9))
def test_rounding_is_within_a_cent_and_directed(amount: float) -> None:
    exact = Decimal(repr(amount))
    assert abs(to_cents(amount) - exact) <= Decimal("0.005")
    assert to_cents(amount, "up") >= exact >= to_cents(amount, "down")


@pytest.mark.parametrize("amount", [math.nan, math.inf, -math.inf])
def test_money_is_never_a_guess(amount: float) -> None:
    with pytest.raises(BadInput):
        to_cents(amount)


def test_halves_go_to_even() -> None:
    assert to_cents(Decimal("0.125")) == Decimal("0.12")
    assert to_cents(Decimal("0.135")) == Decimal("0.14")


def test_rate_curve_is_linear_inside_and_flat_outside() -> None:
    curve = RateCurve(
        tenors=(0.25, 1.0), yields=(0.02, 0.05), day=date(2026, 1, 2), known_at=datetime(2026, 1, 3, tzinfo=UTC)
    )
    assert curve.at(0.01) == pytest.approx(math.log1p(0.02))
    assert curve.at(0.625) == pytest.approx(math.log1p(0.035))
    assert curve.at(30) == pytest.approx(math.log1p(0.05))
