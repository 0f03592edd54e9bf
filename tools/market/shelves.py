"""The shelves of the store: what columns each has, what a row is told by, and how its rows are ordered.

chains   quoted_at known_at closing(quotes of the close) delayed(displayed late: known_at is the receipt)
         uncertainty_s(how much earlier the stated time may lie) source spot spot_at(null: with the quotes) root
         expiry(Date, as listed) settles_at strike is_call bid ask last(dollars a share or points; a bid of 0 is a fact,
         an ask of 0 is null; both null in all rows: the source has no quotes) bid_size ask_size volume
         open_interest(contracts; that of the prior close) last_trade_at vendor_iv(decimal) vendor_delta
         vendor_gamma(per dollar) vendor_theta(dollars a share and calendar day) vendor_vega(dollars a share and point)
bars     start known_at(end of the bar; daily: 15 minutes after the close) open high low close volume(null: unknown)
         session(false: outside regular hours) adjusted(prices adjusted for later dividends or splits: returns only)
indices  day(Date) known_at(15 minutes after the close) open high low close
rates    day(Date) known_at(16:15 New York on the next session, after the H.15 release) tenor(years) yield(decimal)
events   kind day(Date) confirmed before_open(null: not said) known_at
actions  kind day(Date, ex-date) ratio(new shares for an old one) amount(dollars a share) note known_at
social   start known_at(end of the interval or later) interval mentions total(all posts; null: unknown)
         sentiment(-1..1; null: unknown)
posts    at known_at id ticker(null: not said) title text(null: none) comments score
trends   start known_at interval term interest(0..100 of its own window) window(what the scale's maximum was taken over)

`source` stands in every shelf. Of what was recorded live `known_at` is the receipt; a row that says something else
than an earlier one of the same key is its revision, and both stay.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import polars as pl

MOMENT = pl.Datetime("us", "UTC")
CHAIN_SCHEMA: dict[str, Any] = {
    "quoted_at": MOMENT,
    "known_at": MOMENT,
    "closing": pl.Boolean,
    "delayed": pl.Boolean,
    "uncertainty_s": pl.Int32,
    "source": pl.String,
    "spot": pl.Float64,
    "spot_at": MOMENT,
    "root": pl.String,
    "expiry": pl.Date,
    "settles_at": MOMENT,
    "strike": pl.Float64,
    "is_call": pl.Boolean,
    "bid": pl.Float64,
    "ask": pl.Float64,
    "last": pl.Float64,
    "bid_size": pl.Float64,
    "ask_size": pl.Float64,
    "volume": pl.Float64,
    "open_interest": pl.Float64,
    "last_trade_at": MOMENT,
    "vendor_iv": pl.Float64,
    "vendor_delta": pl.Float64,
    "vendor_gamma": pl.Float64,
    "vendor_theta": pl.Float64,
    "vendor_vega": pl.Float64,
}
CHAIN_KEY = ("quoted_at", "root", "expiry", "strike", "is_call")
_PRICES: dict[str, Any] = dict.fromkeys(("open", "high", "low", "close"), pl.Float64)
BAR_SCHEMA: dict[str, Any] = {
    "start": MOMENT,
    "known_at": MOMENT,
    **_PRICES,
    "volume": pl.Float64,
    "session": pl.Boolean,
    "adjusted": pl.Boolean,
    "source": pl.String,
}


class Shelf(NamedTuple):
    """One kind of reference rows: what its folders are named by ("" for none), its columns, and their order."""

    by: str
    schema: dict[str, Any]
    order: tuple[str, ...]


SHELVES: dict[str, Shelf] = {
    "indices": Shelf("name", {"day": pl.Date, "known_at": MOMENT, **_PRICES, "source": pl.String}, ("day",)),
    "rates": Shelf(
        "",
        {"day": pl.Date, "known_at": MOMENT, "tenor": pl.Float64, "yield": pl.Float64, "source": pl.String},
        ("day", "tenor"),
    ),
    "events": Shelf(
        "ticker",
        {
            "kind": pl.String,
            "day": pl.Date,
            "confirmed": pl.Boolean,
            "before_open": pl.Boolean,
            "known_at": MOMENT,
            "source": pl.String,
        },
        ("day", "kind", "known_at"),
    ),
    "actions": Shelf(
        "ticker",
        {
            "kind": pl.String,
            "day": pl.Date,
            "ratio": pl.Float64,
            "amount": pl.Float64,
            "note": pl.String,
            "known_at": MOMENT,
            "source": pl.String,
        },
        ("day", "kind"),
    ),
    "social": Shelf(
        "ticker",
        {
            "start": MOMENT,
            "known_at": MOMENT,
            "interval": pl.String,
            "mentions": pl.Float64,
            "total": pl.Float64,
            "sentiment": pl.Float64,
            "source": pl.String,
        },
        ("start",),
    ),
    "posts": Shelf(
        "",
        {
            "at": MOMENT,
            "known_at": MOMENT,
            "id": pl.String,
            "ticker": pl.String,
            "title": pl.String,
            "text": pl.String,
            "comments": pl.Float64,
            "score": pl.Float64,
            "source": pl.String,
        },
        ("at", "id"),
    ),
    "trends": Shelf(
        "",
        {
            "start": MOMENT,
            "known_at": MOMENT,
            "interval": pl.String,
            "term": pl.String,
            "interest": pl.Float64,
            "window": pl.String,
            "source": pl.String,
        },
        ("term", "start"),
    ),
}
