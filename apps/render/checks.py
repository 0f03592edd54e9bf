"""What became of recorded chains in the quality gate, and what the quotes that passed are worth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from apps.render.words import DIM, GOOD, STRONG, WARN
from tools.market.review import Review

NO_QUOTES = "no quotes"
HEAD = (
    "set",
    "chains",
    "refused (rows)",
    "rows in",
    "kept",
    "dropped",
    "without quotes",
    "parity, bp",
    "IV, vol points",
    "IV without carry",
)


def reviewed(folder: Path, found: Sequence[Review]) -> RenderableType:
    """Sets (and tickers) with their counts; below, why chains were refused and what was flagged."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    table.add_column("set", no_wrap=True)
    for name in ("chains", "refused", "rows in", "kept"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("left out", overflow="fold")
    for name in ("parity", "IV", "no carry"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found:
        gone = one.chains - one.passed
        out = "; ".join(part for part in (_counts(one.dropped), _without(one)) if part)
        table.add_row(
            Text(f"  {one.ticker}", DIM) if one.ticker else Text(one.set_name, STRONG),
            f"{one.chains:,}",
            Text(f"{gone:,}", WARN if gone else GOOD),
            f"{one.rows:,}",
            f"{one.kept:,}",
            Text(out, DIM),
            _parity(one),
            _agreement(one, one.iv_median, one.iv_p95),
            _agreement(one, one.no_carry_median, one.no_carry_p95),
        )
    notes = [Text(line, WARN) for one in found if not one.ticker for line in _refusals(one)]
    flags = [Text(line, DIM) for one in found if not one.ticker for line in _flags(one)]
    legend = Text(
        "\nparity: median |C - P - D (F - K)| near the money, bp of spot; "
        "IV: median / 95 % of |ours - the source's| where liquid, vol points; "
        "no carry: the same, ours with the spot for a forward and no discount",
        DIM,
    )
    return Group(table, *notes, *flags, legend, Text(f"{folder}", DIM))


def markdown(found: Sequence[Review]) -> str:
    """The same as a table for a document; tickers are named where they were asked for."""
    lines = ["| " + " | ".join(HEAD) + " |", "|---|" + "---:|" * 4 + "---|---|" + "---:|" * 3]
    for one in found:
        name = f"{one.set_name} {one.ticker}".strip()
        gone = f"{one.chains - one.passed:,}" + (f" ({one.refused_rows:,})" if one.refused_rows else "")
        cells = (name, f"{one.chains:,}", gone, f"{one.rows:,}", f"{one.kept:,}", _counts(one.dropped))
        ours = _agreement(one, one.iv_median, one.iv_p95)
        flat = _agreement(one, one.no_carry_median, one.no_carry_p95)
        lines.append("| " + " | ".join((*cells, _counts(one.unquoted), _parity(one), ours, flat)) + " |")
    said = [line for one in found if not one.ticker for line in (*_refusals(one), *_flags(one))]
    return "\n".join([*lines, *([""] if said else []), *(f"- {line}" for line in said)])


def _counts(pairs: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in pairs)


def _without(one: Review) -> str:
    return f"without quotes: {_counts(one.unquoted)}" if one.unquoted else ""


def _parity(one: Review) -> str:
    if not one.quoted:
        return NO_QUOTES if one.passed else "-"
    return "-" if one.parity_bp is None else f"{one.parity_bp:.2f}"


def _agreement(one: Review, median: float | None, tail: float | None) -> str:
    if not one.quoted:
        return NO_QUOTES if one.passed else "-"
    return "-" if median is None or tail is None else f"{median:.2f} / {tail:.2f}"


def _refusals(one: Review) -> list[str]:
    return [f"{one.set_name}: {item.count:,} refused for {item.kind}; the first: {item.first}" for item in one.refused]


def _flags(one: Review) -> list[str]:
    stale = f"{one.stale:,} older than their limit when they became known" if one.stale else ""
    said = [stale, *(f"{count:,} with {kind}" for kind, count in one.flagged)]
    text = "; ".join(part for part in said if part)
    return [f"{one.set_name}, chains flagged: {text}"] if text else []
