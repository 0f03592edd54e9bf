"""Option symbols as the Options Clearing Corporation writes them (OSI): root, expiry, right, strike in thousandths.

SPXW230914C04000000, with the root padded to six characters or not, is the SPXW call struck at 4000 that expires on
2023-09-14.
"""

from __future__ import annotations

import polars as pl

from domain.errors import BadInput

_PATTERN = r"^([A-Z][A-Z0-9.]{0,5}) *(\d{6})([CP])(\d{8})$"
_SHOWN = 3  # bad symbols named in an error


def parse(symbols: pl.Series) -> pl.DataFrame:
    """The terms of each symbol: root, expiry (as listed), is_call, strike (dollars). One row a symbol, in order.

    Raises BadInput naming the first symbols that are none: a wrong shape, no such day, a strike of zero.
    """
    parts = symbols.cast(pl.String).alias("symbol").to_frame()
    found = pl.col("symbol").str.extract_groups(_PATTERN)
    terms = parts.select(
        "symbol",
        root=found.struct.field("1"),
        expiry=("20" + found.struct.field("2")).str.to_date("%Y%m%d", strict=False),
        is_call=found.struct.field("3") == "C",
        strike=found.struct.field("4").cast(pl.Float64) / 1000.0,
    )
    bad = terms.filter(pl.col("expiry").is_null() | ~(pl.col("strike") > 0).fill_null(False))["symbol"]
    if bad.len():
        named = ", ".join(repr(symbol) for symbol in bad.head(_SHOWN).to_list())
        raise BadInput(f"{bad.len()} of {symbols.len()} option symbols are no OCC symbols: {named}")
    return terms.drop("symbol")
