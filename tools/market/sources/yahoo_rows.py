"""What yfinance gives, as rows of the store: chains, bars, index values, events and corporate actions."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

import polars as pl

from domain.errors import BadInput, SourceFailed
from domain.market import Absent, ActionKind, EventKind, Interval
from tools import sessions
from tools.market import occ
from tools.market.importers import bar_rows
from tools.market.reference.names import INDICES
from tools.market.sources import payload
from tools.market.store import BAR_SCHEMA, MOMENT

_DECIMALS = 4  # Yahoo keeps prices in 32 bits
_IV_FLOOR = 1e-3  # 0 or 1e-5 where no implied volatility was found
_FIELDS = {
    "bid": "bid",
    "ask": "ask",
    "lastPrice": "last",
    "volume": "volume",
    "openInterest": "open_interest",
    "impliedVolatility": "vendor_iv",
}
_BAR_COLUMNS = [name for name in BAR_SCHEMA if name != "known_at"]
_OPEN, _CLOSE = time(9, 30), time(16, 0)


def chain_rows(pages: list[tuple[str, Any]], ticker: str, now: datetime) -> pl.DataFrame | Absent:
    """The pages of a chain, (expiration, yfinance's Options) each, as rows of the store's chains."""
    parts: list[pl.DataFrame] = []
    spots: list[tuple[datetime, float]] = []
    for expiration, page in pages:
        spots.append(_spot(page.underlying, ticker, now))
        parts += [_side(page.calls, expiration, True), _side(page.puts, expiration, False)]
    rows = pl.concat(parts)
    if rows.height == 0:
        return Absent(what=f"a chain of {ticker}", why="no options listed")
    payload.own_roots(rows["root"].unique().to_list(), ticker)
    newest = rows["last_trade_at"].max()
    if newest is None:
        raise SourceFailed("no option says when it was last traded, so the age of the quotes is unknown")
    assert isinstance(newest, datetime)
    quoted_at = payload.present(newest.astimezone(UTC), now, "an option's last trade")
    spot_at, spot = max(spots)
    # With both sides of every option at zero, Yahoo shows no quotes at all (outside hours it does so).
    shown = rows.select((pl.col("ask").fill_null(0) != 0).any()).item()
    return payload.settled(rows).with_columns(
        bid=pl.col("bid") if shown else pl.lit(None, pl.Float64),
        ask=payload.positive("ask"),
        last=payload.positive("last"),
        vendor_iv=pl.when(pl.col("vendor_iv") > _IV_FLOOR).then(pl.col("vendor_iv")),
        quoted_at=pl.lit(quoted_at, MOMENT),
        closing=pl.lit(payload.is_closing(quoted_at, now)),
        delayed=pl.lit(True),
        uncertainty_s=pl.lit(0, pl.Int32),
        source=pl.lit("yahoo"),
        spot=pl.lit(spot),
        spot_at=pl.lit(spot_at, MOMENT),
    )


def _spot(quote: dict[str, Any], ticker: str, now: datetime) -> tuple[datetime, float]:
    price = payload.number(quote.get("regularMarketPrice"), "regularMarketPrice")
    if price is None or price <= 0:
        raise SourceFailed(f"no price of {ticker} itself: {quote.get('regularMarketPrice')!r}")
    said = payload.number(quote.get("regularMarketTime"), "regularMarketTime")
    stamp = None if said is None else datetime.fromtimestamp(said, UTC)
    return payload.present(stamp, now, f"the time of the last trade in {ticker}"), price


def _side(options: Any, expiration: str, is_call: bool) -> pl.DataFrame:
    """The calls or puts of one expiration."""
    currencies = {str(currency) for currency in options["currency"].tolist()}
    if currencies - {"USD"}:
        raise SourceFailed(f"options in {', '.join(sorted(currencies))}, not USD")
    try:
        terms = occ.parse(pl.Series(options["contractSymbol"].tolist(), dtype=pl.String, strict=False))
    except BadInput as error:
        raise SourceFailed(str(error)) from error
    columns = [payload.numbers(options[field].tolist(), field).alias(own) for field, own in _FIELDS.items()]
    traded = [None if stamp != stamp else stamp.to_pydatetime() for stamp in options["lastTradeDate"].tolist()]  # NaT
    rows = terms.with_columns(
        *columns,
        payload.numbers(options["strike"].tolist(), "strike").alias("said"),
        pl.Series("last_trade_at", traded, dtype=MOMENT),
    )
    other = rows.filter(
        (pl.col("expiry") != date.fromisoformat(expiration))
        | (pl.col("is_call") != is_call)
        | ((pl.col("strike") - pl.col("said")).abs() > 5e-4).fill_null(True)
    )
    if other.height:
        side = "calls" if is_call else "puts"
        raise SourceFailed(f"{other.height} options among the {side} of {expiration} that are others")
    return rows.drop("said")


def bar_table(frame: Any, ticker: str, interval: Interval, now: datetime) -> pl.DataFrame | Absent:
    """yfinance's history as rows of the store's bars: complete ones, as they were traded."""
    if interval is Interval.DAY:
        rows, _ = bar_rows.daily(_unsplit(_plain(frame, ticker, "date")), "yahoo", pl.lit(False), _DECIMALS)
    else:
        rows, _ = bar_rows.intraday(_unsplit(_plain(frame, ticker, "ts")), interval, "yahoo", _DECIMALS)
    known = _complete(rows, now)
    if known.height == 0:
        return Absent(what=f"{interval} bars of {ticker}", why="none complete")
    return known.select(_BAR_COLUMNS)


def index_rows(frame: Any, name: str, now: datetime) -> pl.DataFrame | Absent:
    """yfinance's daily history of an index as rows of the shelf `indices`, of complete sessions."""
    rows, _ = bar_rows.index_values(_plain(frame, name, "date"), "yahoo", _DECIMALS)
    known = _complete(rows, now)
    if known.height == 0:
        return Absent(what=f"daily values of {name}", why="of no complete session")
    return known.select("day", "open", "high", "low", "close", "source")


def _plain(frame: Any, ticker: str, stamp: str) -> pl.DataFrame:
    """yfinance's history as columns `stamp` (New York, naive), ticker, open .. volume, split, dividend."""
    local = frame.index.tz_convert(sessions.NEW_YORK).tz_localize(None).to_pydatetime().tolist()
    names = ("open", "high", "low", "close", "volume")
    extras = {"Stock Splits": "split", "Dividends": "dividend"}
    plain = pl.DataFrame(
        [
            pl.Series(stamp, local, dtype=pl.Datetime("us")),
            *(payload.numbers(frame[name.capitalize()].tolist(), name) for name in names),
            *(payload.numbers(frame[said].tolist(), said).alias(own) for said, own in extras.items()),
        ]
    ).with_columns(ticker=pl.lit(ticker))
    if ticker in INDICES:
        plain = plain.with_columns(payload.positive("volume"))
    return plain.with_columns(pl.col("date").cast(pl.Date)) if stamp == "date" else plain


def _unsplit(rows: pl.DataFrame) -> pl.DataFrame:
    """Prices and dividends as they were paid: each times all later splits, volume divided by them."""
    stamp = rows.columns[0]
    ordered = rows.sort(stamp).with_columns(split=pl.when(pl.col("split") > 0).then(pl.col("split")).otherwise(1.0))
    later = ordered.group_by(pl.col(stamp).cast(pl.Date).alias("day"), maintain_order=True).agg(
        pl.col("split").product()
    )
    later = later.with_columns(factor=pl.col("split").reverse().cum_prod().reverse() / pl.col("split")).drop("split")
    joined = ordered.with_columns(day=pl.col(stamp).cast(pl.Date)).join(
        later, on="day", how="left", maintain_order="left"
    )
    return joined.with_columns(
        *(pl.col(name) * pl.col("factor") for name in ("open", "high", "low", "close", "dividend")),
        volume=pl.col("volume") / pl.col("factor"),
    ).drop("day", "factor")


def _complete(rows: pl.DataFrame, now: datetime) -> pl.DataFrame:
    newest = rows["start"].max()
    if isinstance(newest, datetime):
        payload.present(newest.astimezone(UTC), now, "the newest bar")
    return rows.filter(pl.col("known_at") <= now)


def event_rows(summary: dict[str, Any], ticker: str) -> pl.DataFrame | Absent:
    """Yahoo's quote summary as rows of the shelf `events`.

    Earnings whose date is an estimate stand at the earliest day of Yahoo's span, and whether they come before the open
    is not said. A date that Yahoo does not call confirmed is an estimate.
    """
    calendar, kind = (_module(summary, name) for name in ("calendarEvents", "quoteType"))
    rows: list[tuple[str, date, bool, bool | None, str]] = []
    earnings = calendar.get("earnings") or {}
    span = [payload.number(stamp, "earningsDate") for stamp in earnings.get("earningsDate") or ()]
    stamps = [stamp for stamp in span if stamp is not None]
    if kind.get("quoteType") == "EQUITY" and stamps:
        local = datetime.fromtimestamp(min(stamps), sessions.NEW_YORK)
        confirmed = earnings.get("isEarningsDateEstimate") is False
        told = confirmed and len(set(stamps)) == 1 and not _OPEN <= local.time() < _CLOSE
        rows.append(
            (EventKind.EARNINGS.value, local.date(), confirmed, local.time() < _OPEN if told else None, "yahoo")
        )
    paid = payload.number(calendar.get("exDividendDate"), "exDividendDate")
    if paid is not None:
        rows.append((EventKind.EX_DIVIDEND.value, datetime.fromtimestamp(paid, UTC).date(), True, None, "yahoo"))
    if not rows:
        return Absent(what=f"events of {ticker}", why="no dates told")
    schema = {
        "kind": pl.String,
        "day": pl.Date,
        "confirmed": pl.Boolean,
        "before_open": pl.Boolean,
        "source": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _module(summary: dict[str, Any], name: str) -> dict[str, Any]:
    found = summary.get(name, {})
    if not isinstance(found, dict):
        raise SourceFailed(f"{name} in another form")
    return found


def action_rows(frame: Any, ticker: str, now: datetime) -> pl.DataFrame | Absent:
    """The splits and dividends of yfinance's daily history as rows of the shelf `actions`."""
    plain = _plain(frame, ticker, "date")
    for day in plain["date"].tail(1):
        payload.present(sessions.new_york(day, 0, 0), now, "the newest bar")
    paid = _unsplit(plain).select("date", "dividend")
    dividends = paid.filter(pl.col("dividend") > 0).select(
        day="date",
        kind=pl.lit(ActionKind.DIVIDEND.value),
        ratio=pl.lit(None, pl.Float64),
        amount=pl.col("dividend").round(6),
    )
    splits = plain.filter((pl.col("split") > 0) & (pl.col("split") != 1)).select(
        day="date", kind=pl.lit(ActionKind.SPLIT.value), ratio="split", amount=pl.lit(None, pl.Float64)
    )
    rows = pl.concat([dividends, splits]).sort("day", "kind")
    if rows.height == 0:
        return Absent(what=f"corporate actions of {ticker}", why="none told")
    return rows.with_columns(note=pl.lit(""), source=pl.lit("yahoo"))
