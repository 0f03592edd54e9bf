"""Evidence, signals and positions in words, for prompts, rules and transcripts alike. Free of dates."""

from __future__ import annotations

from collections.abc import Iterable

from agents.envelope import cell
from domain.book import Position
from domain.evidence import Evidence
from domain.structures import Leg, Option
from domain.units import Unit
from domain.views import Abstained, Claim, Reading, Signal

_UPPER = {"iv", "rv", "hv", "atm", "rsi", "macd", "atr", "gex", "oi", "vix", "vrp", "sma", "ema", "adx", "dte", "pcr"}


def label(name: str) -> str:
    """An evidence name as a reader says it: "atm_iv_30d" → "ATM IV 30d"."""
    return " ".join(part.upper() if part in _UPPER else part for part in name.split("_"))


def _short(value: float, decimals: int) -> str:
    """Fixed decimals, or three significant digits where those would say nothing."""
    if value and abs(value) < 10 ** (1 - decimals):
        return f"{value:.3g}" if abs(value) >= 1e-4 else f"{value:.6f}".rstrip("0").rstrip(".")
    return f"{value:,.{decimals}f}"


def amount(value: float, unit: Unit) -> str:
    """A number with its unit, rounded for reading: volatility in percent, dollars with $."""
    match unit:
        case Unit.PRICE:
            return f"{value:,.2f}"
        case Unit.DOLLARS:
            return f"-${-value:,.2f}" if value < 0 else f"${value:,.2f}"
        case Unit.DOLLARS_M:
            return f"-${-value:,.2f} M" if value < 0 else f"${value:,.2f} M"
        case Unit.VOL:
            return f"{_short(100 * value, 1)} %"
        case Unit.VOL_POINTS:
            return f"{value:+,.2f} vol points"
        case Unit.RATIO:
            return _short(value, 2)
        case Unit.PROBABILITY:
            return f"{_short(100 * value, 1)} %"
        case Unit.SCORE:
            return f"{value:+.3f}"
        case Unit.ZSCORE:
            return f"{value:+.2f} sd"
        case Unit.COUNT:
            return f"{value:,.0f}"
        case Unit.DAYS:
            return f"{value:,.1f} days"
        case Unit.PERCENT:
            return f"{value:+,.2f} %"
        case Unit.INDEX:
            return _short(value, 1)


def phrase(item: Evidence) -> str:
    """One piece of evidence in a few words: name, value, and where that stands in its own history."""
    return f"{label(item.name)} {amount(item.value, item.unit)}{standing(item)}"


def standing(item: Evidence) -> str:
    """Where a value stands in its own history, in brackets; "" where that is not known."""
    if item.percentile is not None:
        return f" ({_short(100 * item.percentile, 0)} % of its history lies below)"
    if item.zscore is not None:
        return f" ({item.zscore:+.2f} sd from its own mean)"
    return ""


def evidence_table(items: Iterable[Evidence]) -> str:
    """A markdown table of evidence, one row an id."""
    rows = ["| id | value | percentile | z-score | note |", "|---|---|---|---|---|"]
    for item in items:
        percentile = "" if item.percentile is None else f"{_short(100 * item.percentile, 0)} %"
        zscore = "" if item.zscore is None else f"{item.zscore:+.2f}"
        rows.append(f"| {item.id} | {amount(item.value, item.unit)} | {percentile} | {zscore} | {cell(item.note)} |")
    return "\n".join(rows) if len(rows) > 2 else "(none)"


def strength(value: float, conviction: float) -> str:
    """How strongly a signal leans on one axis, in a word."""
    support = abs(value) * conviction
    return "strongly" if support >= 0.35 else "clearly" if support >= 0.15 else "slightly" if support > 0 else "not"


def leaning(signal: Signal) -> str:
    """A signal in words: which way on each axis, and how strongly."""
    direction = "up" if signal.direction > 0 else "down"
    volatility = "rich" if signal.volatility > 0 else "cheap"
    parts = [
        f"{word} {strength(value, conviction)}"
        for word, value, conviction in (
            (f"direction {direction}", signal.direction, signal.direction_conviction),
            (f"volatility {volatility}", signal.volatility, signal.volatility_conviction),
        )
        if value and conviction
    ]
    return " and ".join(parts) + f", over {signal.horizon} days" if parts else "no lean either way"


def signal_lines(readings: Iterable[Reading]) -> str:
    """One line an analyst: its lean in words without numbers, or that it abstained and why."""
    lines = []
    for reading in readings:
        if isinstance(reading.signal, Abstained):
            lines.append(f"- {reading.analyst}: abstained ({cell(reading.signal.why)})")
        else:
            lines.append(f"- {reading.analyst}: {leaning(reading.signal)}.")
    return "\n".join(lines) or "(none)"


def citations(claim: Claim) -> str:
    """What a claim points at: evidence ids, then memories by number."""
    return ", ".join([*claim.evidence, *(f"memory {number}" for number in claim.memories)])


def leg_text(leg: Leg) -> str:
    """One leg: "-1 2026-03-20 put 580" or "+100 shares"."""
    if isinstance(leg.instrument, Option):
        option = leg.instrument
        return f"{leg.quantity:+d} {option.expiry.isoformat()} {option.right.value} {option.strike.normalize():f}"
    return f"{leg.quantity:+d} shares"


def position_lines(positions: Iterable[Position]) -> str:
    """One line a held position."""
    return (
        "\n".join(
            f"- {position.name.replace('_', ' ')}, {position.contracts} held: "
            + ", ".join(leg_text(leg) for leg in position.legs)
            for position in positions
        )
        or "(none)"
    )
