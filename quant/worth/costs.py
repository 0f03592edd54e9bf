"""The dated fee schedule: what trading options costs besides the spread.

Sources in words. Commission: a flat 0.65 a contract, the list price of large US retail brokers since October 2019 (0.75
before). Index options: the exchange's customer fee and licence as brokers pass them through, by premium where the
exchange tiers it (Cboe fee schedule: SPX 0.57 under a dollar of premium, 0.66 from a dollar on); the higher tier is
charged unless the caller counts the cheap contracts. Options Regulatory Fee: sum over the exchanges, as brokers publish
it. OCC clearing: 0.055 to mid-2021, 0.02, then 0.025 (OCC schedule of fees). Sales: FINRA's trading activity fee per
contract, and SEC section 31 per dollar sold, which broad index options don't pay.
"""

from __future__ import annotations

from datetime import date
from decimal import ROUND_CEILING, Decimal

import numpy as np

from domain.errors import BadInput
from domain.market import Floats
from domain.money import CENT, ZERO

Schedule = tuple[tuple[date, Decimal], ...]


def _dated(*rows: tuple[str, str]) -> Schedule:
    return tuple((date.fromisoformat(day), Decimal(amount)) for day, amount in rows)


COMMISSION = _dated(("2000-01-01", "0.75"), ("2019-10-01", "0.65"))
REGULATORY = _dated(
    ("2000-01-01", "0.04"), ("2020-01-01", "0.0388"), ("2022-01-01", "0.0280"), ("2024-01-01", "0.0292")
)
CLEARING = _dated(("2000-01-01", "0.055"), ("2021-06-01", "0.02"), ("2024-01-01", "0.025"))
ACTIVITY = _dated(
    ("2000-01-01", "0.002"), ("2022-01-01", "0.00218"), ("2023-01-01", "0.00244"), ("2024-01-01", "0.00279")
)
SECTION_31 = _dated(
    ("2000-01-01", "0.0000231"),
    ("2018-05-22", "0.0000130"),
    ("2019-04-16", "0.0000207"),
    ("2020-02-18", "0.0000221"),
    ("2021-02-25", "0.0000051"),
    ("2022-05-14", "0.0000229"),
    ("2023-02-27", "0.0000080"),
    ("2024-05-22", "0.0000278"),
    ("2025-05-14", "0"),
)
# (from a dollar of premium on, under a dollar)
INDEX = {
    "SPX": (Decimal("0.66"), Decimal("0.57")),
    "XSP": (Decimal("0.07"), Decimal("0.04")),
    "NDX": (Decimal("0.75"), Decimal("0.50")),
    "RUT": (Decimal("0.18"), Decimal("0.18")),
    "VIX": (Decimal("0.45"), Decimal("0.27")),
}


def _on(schedule: Schedule, day: date) -> Decimal:
    known = [amount for start, amount in schedule if start <= day]
    if not known:
        raise BadInput(f"the fee schedule begins after {day}")
    return known[-1]


def fees(
    ticker: str,
    day: date,
    option_contracts: int,
    sale_proceeds: Decimal,
    *,
    contracts_sold: int | None = None,
    cheap_contracts: int = 0,
) -> Decimal:
    """Fees in dollars of trading `option_contracts` in all (each leg counted), rounded up to the cent.

    `sale_proceeds`: dollars received for what is sold. `contracts_sold`: None charges the activity fee on all of them.
    `cheap_contracts`: how many trade under a dollar of premium. Raises BadInput for negative counts or amounts.
    """
    sold = option_contracts if contracts_sold is None else contracts_sold
    if option_contracts < 0 or sale_proceeds < 0 or not 0 <= cheap_contracts <= option_contracts or sold < 0:
        raise BadInput(f"fees of {option_contracts} contracts, {cheap_contracts} cheap, {sale_proceeds} sold")
    if option_contracts == 0:
        return ZERO
    each = _on(COMMISSION, day) + _on(REGULATORY, day) + _on(CLEARING, day)
    total = each * option_contracts + _on(ACTIVITY, day) * sold
    if ticker in INDEX:
        dear, cheap = INDEX[ticker]
        total += dear * (option_contracts - cheap_contracts) + cheap * cheap_contracts
    else:
        total += _on(SECTION_31, day) * sale_proceeds
    return total.quantize(CENT, rounding=ROUND_CEILING)


def round_trip(ticker: str, day: date, premium: Floats, multiplier: int) -> Floats:
    """Unrounded fees in dollars of opening and closing one contract at each premium (a share), same shape.

    Every contract is bought once and sold once, so the sale fees fall once whatever the side.
    """
    each = float(_on(COMMISSION, day) + _on(REGULATORY, day) + _on(CLEARING, day))
    total = np.full(premium.shape, 2.0 * each + float(_on(ACTIVITY, day)))
    if ticker in INDEX:
        dear, cheap = INDEX[ticker]
        return total + 2.0 * np.where(premium < 1.0, float(cheap), float(dear))
    return total + float(_on(SECTION_31, day)) * premium * multiplier
