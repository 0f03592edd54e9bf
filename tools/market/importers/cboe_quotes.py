"""Quote tables downloaded by hand from CBOE's delayed-quote page, stamped with the time that the quotes are of.

Files downloaded after the close are stamped 16:15: their quotes are closing quotes.
"""

from __future__ import annotations

import polars as pl

from tools.market.importers.chain_rows import normalize, set_name, to_utc
from tools.market.importers.protocol import Converted, Layout
from tools.market.store import Store

_COLUMNS = (
    "quote_ts underlying underlying_price root expiration strike right bid ask last volume open_interest iv delta"
)


def convert(frame: pl.DataFrame, _: Store) -> Converted:
    """Chains of set `cboe-YYYY`, the year of the first snapshot. `known_at` is the quote time."""
    rows, dropped = normalize(frame.with_columns(quoted_at=to_utc("quote_ts")), "cboe quote table")
    return Converted(frame.height, chains=(set_name(rows, "cboe-%Y"), rows), dropped=dropped)


LAYOUT = Layout(
    name="cboe-quote-table",
    pattern=r"cboe_quotedata_",
    columns=frozenset([*_COLUMNS.split(), "asof_text"]),
    convert=convert,
    by="quote_ts",
)
