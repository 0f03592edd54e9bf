"""Yahoo option chains, several snapshots a day: quote_ts is the New York minute of the newest trade in the file."""

from __future__ import annotations

import polars as pl

from tools.market.importers.chain_rows import first_day, normalize, to_utc
from tools.market.importers.protocol import Converted, Layout
from tools.market.store import Store

_COLUMNS = "quote_ts underlying underlying_price root expiration strike right bid ask last volume open_interest iv"


def convert(frame: pl.DataFrame, _: Store) -> Converted:
    """Chains of set `yahoo-YYYY-MM`, the month of the first snapshot. `known_at` is the quote time."""
    rows, dropped = normalize(frame.with_columns(quoted_at=to_utc("quote_ts")), "yahoo")
    return Converted(frame.height, chains=(f"yahoo-{first_day(rows):%Y-%m}", rows), dropped=dropped)


LAYOUT = Layout(
    name="yahoo-chains",
    pattern=r"yahoo_chain_",
    columns=frozenset([*_COLUMNS.split(), "last_trade_ts"]),
    convert=convert,
)
