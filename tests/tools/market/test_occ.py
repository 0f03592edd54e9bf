from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from domain.errors import BadInput
from tools.market import occ


def test_symbols_are_read_padded_or_not_in_order() -> None:
    # "SPXW230914C04000000" is CBOE's own example; the padded form is that of the OSI, 21 characters.
    symbols = pl.Series(["SPXW230914C04000000", "SPY   260117P00450500", "BRKB270115C00000500", "AAPL1260619P00012125"])
    assert occ.parse(symbols).rows() == [
        ("SPXW", date(2023, 9, 14), True, 4000.0),
        ("SPY", date(2026, 1, 17), False, 450.5),
        ("BRKB", date(2027, 1, 15), True, 0.5),
        ("AAPL1", date(2026, 6, 19), False, 12.125),
    ]


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "SPY",
        "SPY260230P00450500",
        "SPY260220X00450500",
        "SPY260220P00000000",
        "spy260220P00450500",
        "SPY260220P0045050",
        None,
    ],
)
def test_what_is_no_symbol_is_named(bad: str | None) -> None:
    with pytest.raises(BadInput, match=f"1 of 2 option symbols are no OCC symbols: {bad!r}"):
        occ.parse(pl.Series(["SPY260220P00450500", bad], dtype=pl.String))


def test_no_symbols_are_no_terms() -> None:
    terms = occ.parse(pl.Series([], dtype=pl.String))
    assert terms.height == 0
    assert terms.columns == ["root", "expiry", "is_call", "strike"]
