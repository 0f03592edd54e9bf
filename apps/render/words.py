"""Numbers, moments and labels as a reader wants them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from rich.text import Text

NEW_YORK = ZoneInfo("America/New_York")

GOOD, BAD, DIM, STRONG, WARN = "green", "red", "dim", "bold", "yellow"


def money(amount: Decimal | float, *, cents: bool = True) -> str:
    """Dollars with a leading sign only when negative: "-$1,234.50"."""
    value = Decimal(str(amount)) if isinstance(amount, float) else amount
    text = f"${abs(value):,.2f}" if cents else f"${abs(value):,.0f}"
    return f"-{text}" if text.strip("$0,.") and value < 0 else text


def signed(amount: Decimal | float, *, cents: bool = True) -> Text:
    """Dollars with their sign, gains green and losses red."""
    text = money(amount, cents=cents)
    if not text.strip("-$0,."):
        return Text(text)
    return Text(text, BAD) if amount < 0 else Text(f"+{text}", GOOD)


def net(price: Decimal) -> str:
    """A net price in words: "credit 1.25" or "debit 3.10", dollars a share."""
    return f"credit {-price:.2f}" if price < 0 else f"debit {price:.2f}"


def moment(at: datetime, *, seconds: bool = False) -> str:
    """A moment in New York: "Thu 2026-02-12 13:00 New York"."""
    return f"{at.astimezone(NEW_YORK):{'%a %Y-%m-%d %H:%M:%S' if seconds else '%a %Y-%m-%d %H:%M'}} New York"


def short_moment(at: datetime) -> str:
    """A moment in New York without its zone, for tables that name it: "2026-02-12 13:00"."""
    return f"{at.astimezone(NEW_YORK):%Y-%m-%d %H:%M}"


def time_of_day(at: datetime) -> str:
    """The time in New York: "12:45:10"."""
    return f"{at.astimezone(NEW_YORK):%H:%M:%S}"


def percent(share: float, decimals: int = 0) -> str:
    """A share as a percentage."""
    return f"{100 * share:.{decimals}f} %"


def plain_name(name: str) -> str:
    """A code name as words: "iron_condor" → "iron condor"."""
    return name.replace("_", " ")


def market_label(market: str, delayed: bool = False) -> Text:
    """What a market is, said plainly."""
    text = Text(market)
    if market.startswith("simulated:"):
        return text.append("  SIMULATED: no real market, no real prices", f"{STRONG} {WARN}")
    if market.count(":") == 2 and market.startswith("recorded:"):
        return text.append("  recorded, quoted by a spread model: no real quotes", f"{STRONG} {WARN}")
    if market.startswith("recorded:"):
        return text.append("  recorded: real quotes of the past", WARN)
    return text.append("  delayed quotes", WARN) if delayed else text.append("  live quotes")
