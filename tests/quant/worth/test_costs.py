from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from domain.errors import BadInput
from quant.worth.costs import fees, round_trip

DAY = date(2024, 9, 3)


def test_index_condor_by_hand() -> None:
    """Four SPX contracts: .65 + .0292 + .025 each, exchange .66 or .57, activity .00279 on the two sold."""
    per = Decimal("0.65") + Decimal("0.0292") + Decimal("0.025")
    dear = 4 * per + 4 * Decimal("0.66") + 2 * Decimal("0.00279")
    assert fees("SPX", DAY, 4, Decimal("900"), contracts_sold=2) == dear.quantize(Decimal("0.01"), "ROUND_CEILING")
    cheap = dear - 2 * Decimal("0.09")
    assert fees("SPX", DAY, 4, Decimal("900"), contracts_sold=2, cheap_contracts=2) == cheap.quantize(
        Decimal("0.01"), "ROUND_CEILING"
    )


def test_equity_options_pay_section_31_on_what_is_sold() -> None:
    none = fees("NVDA", DAY, 2, Decimal("0"))
    some = fees("NVDA", DAY, 2, Decimal("10000"))
    assert some - none == pytest.approx(Decimal("0.28"), abs=Decimal("0.01"))
    assert fees("SPX", DAY, 2, Decimal("10000")) == fees("SPX", DAY, 2, Decimal("0"))
    assert fees("NVDA", date(2025, 9, 3), 2, Decimal("10000")) == fees("NVDA", date(2025, 9, 3), 2, Decimal("0"))


def test_the_schedule_is_dated() -> None:
    assert fees("SPY", date(2019, 5, 1), 10, Decimal(0)) > fees("SPY", date(2019, 11, 1), 10, Decimal(0))
    with pytest.raises(BadInput, match="begins after"):
        fees("SPY", date(1999, 1, 4), 1, Decimal(0))


def test_nothing_costs_nothing_and_nonsense_raises() -> None:
    assert fees("SPX", DAY, 0, Decimal(0)) == Decimal("0.00")
    for bad in ((-1, Decimal(0)), (1, Decimal(-1))):
        with pytest.raises(BadInput):
            fees("SPX", DAY, *bad)
    with pytest.raises(BadInput):
        fees("SPX", DAY, 1, Decimal(0), cheap_contracts=2)


def test_round_trip_is_two_ways_of_fees() -> None:
    premium = np.array([0.5, 5.0])
    for ticker in ("SPX", "NVDA"):
        found = round_trip(ticker, DAY, premium, 100)
        for value, paid in zip(found.tolist(), premium.tolist(), strict=True):
            cheap = 2 if paid < 1 else 0
            both = fees(
                ticker,
                DAY,
                2,
                Decimal(str(paid * 100)),
                contracts_sold=1,
                cheap_contracts=cheap if ticker == "SPX" else 0,
            )
            assert value <= float(both) < value + 0.01
