"""Reading what a source sent: a value is a number, a moment or null, or the payload is refused. Nothing is guessed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

import polars as pl

from domain.errors import SourceFailed
from tools import sessions
from tools.market.reference.names import INDICES
from tools.market.store import MOMENT

SLACK = timedelta(seconds=90)  # by how much a source's clock may be ahead of ours
_SHOWN = 60  # characters of a payload that an error shows
_WEEKLIES = ("", "W", "P")  # endings of the roots of an index: SPXW, NDXP


def as_object(body: bytes) -> dict[str, Any]:
    """A body as a JSON object. Raises SourceFailed for anything else, half of one included."""
    if body.lstrip()[:1] == b"<":
        raise SourceFailed(f"a page instead of data: {_start(body)}")
    try:
        value = json.loads(body)
    except ValueError as error:
        raise SourceFailed(f"a payload of {len(body)} bytes that is no JSON ({error}): {_start(body)}") from error
    if not isinstance(value, dict):
        raise SourceFailed(f"a payload of another form: {_start(body)}")
    return value


def _start(body: bytes) -> str:
    return repr(body[:_SHOWN].decode("utf-8", "replace"))


def rows_of(value: object, what: str) -> list[dict[str, Any]]:
    """A list of objects. Raises SourceFailed for anything else."""
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise SourceFailed(f"{what} that are no list of rows")
    return value


def number(value: object, what: str) -> float | None:
    """A finite number, also one written as text; None for what is left out or NaN. Raises SourceFailed otherwise."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise SourceFailed(f"{what} {value!r}, which is no number")
    try:
        found = float(value)
    except ValueError as error:
        raise SourceFailed(f"{what} {value!r}, which is no number") from error
    if math.isnan(found):
        return None
    if math.isinf(found):
        raise SourceFailed(f"{what} {value!r}, which is not finite")
    return found


def numbers(values: Iterable[object], what: str) -> pl.Series:
    """A column of numbers, see `number`."""
    return pl.Series(what, [number(value, what) for value in values], dtype=pl.Float64)


def positive(column: str) -> pl.Expr:
    """Zero means that there is none; a negative figure stays, for the quality gate to count."""
    return pl.when(pl.col(column) != 0).then(pl.col(column)).alias(column)


def moment(text: object, zone: tzinfo, what: str) -> datetime | None:
    """An ISO date and time, in `zone` unless it names its own, as aware UTC; None for what is left out.

    Years before 1990 are how sources write "never". Raises SourceFailed for anything else.
    """
    if text is None or text == "":
        return None
    try:
        stamp = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise SourceFailed(f"{what} {text!r}, which is no date and time") from error
    if stamp.year < sessions.FIRST.year:
        return None
    return (stamp if stamp.tzinfo else stamp.replace(tzinfo=zone)).astimezone(UTC)


def present(stamp: datetime | None, now: datetime, what: str) -> datetime:
    """A moment that must be said and must have come. Raises SourceFailed otherwise."""
    if stamp is None:
        raise SourceFailed(f"{what} is not said")
    if stamp > now + SLACK:
        raise SourceFailed(f"{what} lies ahead: {stamp:%Y-%m-%d %H:%M:%S} UTC, now is {now:%Y-%m-%d %H:%M:%S}")
    return stamp


def same_symbol(said: object, asked: str) -> None:
    """Raise SourceFailed unless the symbol answered is the one asked; marks of an index (_SPX, ^SPX) and dots aside."""
    if not isinstance(said, str) or not said:
        raise SourceFailed(f"does not say which symbol it answers for ({asked} was asked)")
    if _plain(said) != _plain(asked):
        raise SourceFailed(f"answers for {said}, not {asked}")


def _plain(symbol: str) -> str:
    return symbol.upper().lstrip("_^").replace(".", "").replace("-", "")


def own_roots(roots: Sequence[str], ticker: str) -> None:
    """Raise SourceFailed when an option root is not the ticker's.

    The ticker itself, with a digit for contracts that a corporate action has adjusted, and the weeklies of an index.
    """
    base = _plain(ticker)
    endings = _WEEKLIES if ticker in INDICES else ("",)
    strange = [
        root
        for root in roots
        if not root.startswith(base)
        or root[len(base) :].rstrip("0123456789") not in endings
        or len(root) > len(base) + 2
    ]
    if strange:
        raise SourceFailed(f"options of {', '.join(sorted(strange)[:3])} among those of {ticker}")


def is_closing(quoted_at: datetime, shown_at: datetime) -> bool:
    """True for quotes of a close: shown when the session in which they were made had been over for 15 minutes."""
    day = sessions.session_of(quoted_at)
    return day is not None and shown_at >= sessions.daily_known_at(day)


def settled(terms: pl.DataFrame) -> pl.DataFrame:
    """Option terms (root, expiry, ...) with `settles_at`."""
    pairs = terms.select("root", "expiry").unique()
    moments = [sessions.settles_at(root, expiry) for root, expiry in pairs.iter_rows()]
    return terms.join(
        pairs.with_columns(pl.Series("settles_at", moments, dtype=MOMENT)),
        on=["root", "expiry"],
        how="left",
        maintain_order="left",
    )


def day_of(stamp: datetime) -> date:
    """The New York day of a moment."""
    return stamp.astimezone(sessions.NEW_YORK).date()
