from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest

from domain.errors import BadInput
from domain.market import Exercise, Floats
from domain.structures import Leg, Option, Right, Shares, Structure, StructureName
from quant.structures.catalogue import SHAPES, from_options, is_made, shape_of, validate
from quant.structures.payoff import Carry, payoff
from quant.vanilla.black import black76

N = StructureName
C, P = Right.CALL, Right.PUT


def option(strike: float, right: Right, month: int = 6, exercise: Exercise = Exercise.EUROPEAN) -> Option:
    return Option(
        ticker="SPX",
        root="SPXW",
        expiry=date(2024, month, 21),
        settles_at=datetime(2024, month, 21, 20, tzinfo=UTC),
        strike=Decimal(str(strike)),
        right=right,
        exercise=exercise,
        multiplier=100,
    )


def build(name: N, *legs: tuple[float, Right] | tuple[float, Right, int], right: Right | None = None) -> Structure:
    return from_options(name, tuple(option(*leg) for leg in legs), right)


CONDOR = build(N.IRON_CONDOR, (85, P), (90, P), (110, C), (115, C))


def test_legs_tell_their_structure_in_any_order() -> None:
    assert is_made(N.IRON_CONDOR, CONDOR.legs[::-1])
    assert [name for name in N if is_made(name, CONDOR.legs)] == [N.IRON_CONDOR]
    twice = tuple(Leg(instrument=leg.instrument, quantity=2 * leg.quantity) for leg in CONDOR.legs)
    shares = Leg(instrument=Shares(ticker="SPX"), quantity=100)
    for legs in ((), CONDOR.legs[:3], twice, (*CONDOR.legs[:3], shares)):
        assert not any(is_made(name, legs) for name in N)


def test_iron_condor_reference() -> None:
    """Credit .361997591468904 on 85/90/110/115: breakevens 89.638002408531 and 110.361997591469 (mpmath reference)."""
    found = payoff(CONDOR, Decimal("-0.361997591468904"))
    assert found.breakevens == pytest.approx((89.638002408531, 110.361997591469), rel=1e-12)
    assert found.max_profit == Decimal("36.20")
    assert found.max_loss == Decimal("463.81")  # 463.8002.. rounds up
    assert found.exact


@pytest.mark.parametrize(
    ("structure", "net", "profit", "loss", "breakevens"),
    [
        (build(N.BULL_CALL_SPREAD, (100, C), (110, C)), "4", "600", "400", (104.0,)),
        (build(N.BEAR_PUT_SPREAD, (90, P), (100, P)), "4", "600", "400", (96.0,)),
        (build(N.BULL_PUT_SPREAD, (90, P), (100, P)), "-3", "300", "700", (97.0,)),
        (build(N.BEAR_CALL_SPREAD, (100, C), (110, C)), "-3", "300", "700", (103.0,)),
        (build(N.IRON_BUTTERFLY, (90, P), (100, P), (100, C), (110, C)), "-6", "600", "400", (94.0, 106.0)),
        (build(N.LONG_STRADDLE, (100, P), (100, C)), "7", None, "700", (93.0, 107.0)),
        (build(N.LONG_STRANGLE, (90, P), (110, C)), "3", None, "300", (87.0, 113.0)),
        (build(N.BROKEN_WING_BUTTERFLY, (80, P), (95, P), (100, P), right=P), "-1", "600", "900", (89.0,)),
        (build(N.BROKEN_WING_BUTTERFLY, (100, C), (105, C), (120, C), right=C), "1", "400", "1100", (101.0, 109.0)),
    ],
)
def test_single_expiry_is_exact(
    structure: Structure, net: str, profit: str | None, loss: str, breakevens: tuple[float, ...]
) -> None:
    found = payoff(structure, Decimal(net))
    assert found.max_profit == (None if profit is None else Decimal(profit))
    assert found.max_loss == Decimal(loss)
    assert found.breakevens == pytest.approx(breakevens)


def test_extremes_agree_with_a_fine_grid() -> None:
    """Brute force over the underlying for every single-expiry structure."""
    spots = np.linspace(0.0, 400.0, 80_001)
    made = [
        CONDOR,
        build(N.IRON_BUTTERFLY, (90, P), (100, P), (100, C), (125, C)),
        build(N.BROKEN_WING_BUTTERFLY, (80, C), (95, C), (100, C), right=C),
    ]
    for structure in made:
        value = np.zeros_like(spots) - 1.25
        for leg in structure.legs:
            assert isinstance(leg.instrument, Option)
            sign = 1.0 if leg.instrument.right is C else -1.0
            value += leg.quantity * np.maximum(sign * (spots - float(leg.instrument.strike)), 0.0)
        found = payoff(structure, Decimal("1.25"))
        assert float(found.max_loss) == pytest.approx(max(-100 * value.min(), 0.0), abs=0.01)
        assert float(found.max_profit or 0) == pytest.approx(max(100 * value.max(), 0.0), abs=0.01)


def back_model(strike: float, right: Right, vol: float, tau: float):  # type: ignore[no-untyped-def]
    def value(spot: Floats, scale: float) -> Floats:
        return black76(spot, strike, tau, vol * scale, 1.0, right is C)

    return value


def test_calendar_is_a_bound_and_a_range() -> None:
    structure = build(N.CALENDAR, (100, C), (100, C, 7), right=C)
    found = payoff(structure, Decimal("1.20"), carry=Carry(1.0, 1.0), back_value=back_model(100, C, 0.2, 30 / 365))
    assert not found.exact
    assert found.max_loss == Decimal("120.00")  # with no carry the debit is all that can be lost
    top = float(black76(100.0, 100.0, 30 / 365, 0.2, 1.0, True)) - 1.20
    assert float(found.max_profit or 0) == pytest.approx(100 * top, abs=0.5)
    assert found.max_profit_range is not None
    low, high = found.max_profit_range
    assert low < float(found.max_profit or 0) < high
    assert len(found.breakevens) == 2
    for point, (a, b) in zip(found.breakevens, found.breakeven_ranges, strict=True):
        assert a <= point <= b


def test_diagonal_bound_counts_the_strike_gap_and_the_carry() -> None:
    structure = build(N.DIAGONAL, (95, P), (105, P, 7), right=P)
    flat = payoff(structure, Decimal("9"), carry=Carry(1.0, 1.0), back_value=back_model(105, P, 0.2, 30 / 365))
    assert flat.max_loss == Decimal("900.00")
    carried = payoff(structure, Decimal("9"), carry=Carry(1.02, 0.99), back_value=back_model(105, P, 0.2, 30 / 365))
    # above both strikes nothing is left: the debit; below, 0.99 (105 - 1.02 S) - (95 - S) stays positive
    assert carried.max_loss == Decimal("900.00")
    dear = payoff(structure, Decimal("12"), carry=Carry(1.0, 1.0), back_value=back_model(105, P, 0.2, 30 / 365))
    assert dear.max_loss == Decimal("1200.00")


def test_american_back_leg_is_worth_its_exercise_value() -> None:
    options = (option(100, C), option(100, C, 7))
    heavy = Carry(growth=0.97, discount=0.99)  # a dividend takes the European floor under intrinsic
    european = payoff(
        from_options(N.CALENDAR, options, C), Decimal("1"), carry=heavy, back_value=back_model(100, C, 0.2, 0.1)
    )
    american = tuple(option(100, C, month, Exercise.AMERICAN) for month in (6, 7))
    safe = payoff(
        from_options(N.CALENDAR, american, C), Decimal("1"), carry=heavy, back_value=back_model(100, C, 0.2, 0.1)
    )
    assert safe.max_loss == Decimal("100.00")
    assert european.max_loss > safe.max_loss


def test_several_expiries_need_a_model() -> None:
    with pytest.raises(BadInput, match="carry and a model"):
        payoff(build(N.CALENDAR, (100, C), (100, C, 7), right=C), Decimal("1"))


def test_every_name_has_a_shape_and_validates() -> None:
    assert set(SHAPES) == set(N)
    assert len(N) == 11
    for name, shapes in SHAPES.items():
        for shape in shapes:
            strikes = (80, 90, 105, 120)
            options = tuple(option(strikes[leg.strike], leg.right, 6 + leg.expiry) for leg in shape.legs)
            validate(from_options(name, options, shape.legs[0].right))


@pytest.mark.parametrize(
    ("name", "legs", "told"),
    [
        (N.IRON_CONDOR, ((90, P), (85, P), (110, C), (115, C)), "strikes do not ascend"),
        (N.IRON_CONDOR, ((85, P), (90, P), (110, C, 7), (115, C)), "share an expiry"),
        (N.BULL_CALL_SPREAD, ((100, C), (100, C)), "strikes do not ascend"),
        (N.LONG_STRADDLE, ((100, P), (105, C)), "share a strike"),
        (N.BULL_PUT_SPREAD, ((90, C), (100, C)), "belongs"),
    ],
)
def test_wrong_geometry_is_refused(name: N, legs: tuple[tuple[float, Right], ...], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        from_options(name, tuple(option(*leg) for leg in legs))


def test_more_wrong_geometry() -> None:
    with pytest.raises(BadInput, match="plain butterfly"):
        from_options(N.BROKEN_WING_BUTTERFLY, (option(90, P), option(100, P), option(110, P)), P)
    with pytest.raises(BadInput, match="calls or of puts"):
        shape_of(N.CALENDAR)
    with pytest.raises(BadInput, match="4 legs"):
        from_options(N.IRON_CONDOR, (option(90, P),))
    with pytest.raises(BadInput, match="options only"):
        validate(
            Structure(name=N.LONG_STRADDLE, ticker="SPX", legs=(Leg(instrument=Shares(ticker="SPX"), quantity=1),))
        )
    short = Structure(name=N.BEAR_CALL_SPREAD, ticker="SPX", legs=(Leg(instrument=option(100, C), quantity=-1),))
    with pytest.raises(BadInput, match="unlimited"):
        payoff(short, Decimal("-1"))
