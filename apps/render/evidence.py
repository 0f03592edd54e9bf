"""What the analysts found: one compact table per ticker, one row per analyst."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from agents.words import amount, label
from apps.render.words import BAD, DIM, GOOD, STRONG, WARN, percent, time_of_day
from domain.decision import Scan
from domain.evidence import Evidence
from domain.market import Event, EventKind
from domain.views import Abstained, Reading, Signal

MOST = 4  # pieces shown of a reading that leans nowhere


def evidence(scan: Scan, *, full: bool = False) -> RenderableType:
    """A ticker's readings: what each signal rests on. `full`: every piece of evidence, with its id and note."""
    table = Table(
        box=box.SIMPLE_HEAD,
        title=_title(scan, full),
        title_justify="left",
        title_style="",
        pad_edge=False,
        show_edge=False,
        expand=True,
        padding=(0, 1),
    )
    table.add_column("analyst", no_wrap=True)
    table.add_column("direction", no_wrap=True)
    table.add_column("volatility", no_wrap=True)
    table.add_column("evidence", ratio=1)
    for reading in scan.readings:
        table.add_row(*_row(reading, full))
    return table


def _title(scan: Scan, full: bool) -> Text:
    ref = scan.snapshot
    text = Text(scan.ticker, STRONG)
    if ref.company:
        text.append(f"  {ref.company}", "not bold")
    text.append(f"  {ref.spot:,.2f}", "not bold")
    if ref.chain_at is None:
        text.append("  no option chain", f"not bold {WARN}")
    else:
        quoted = f"  chain of {time_of_day(ref.chain_at)}, {ref.chain_lag_s:.0f} s old"
        text.append(quoted, f"not bold {DIM}")
        text.append(f", IV worth {percent(ref.iv_confidence)}", f"not bold {DIM}")
    if scan.composite is not None:
        text.append(f"  edge {scan.composite.edge:.3f}", "not bold")
    if ref.events:
        text.append(f"\n  ahead: {', '.join(_event(one) for one in ref.events)}", f"not bold {DIM}")
    for caveat in ref.caveats:
        text.append(f"\n  {caveat}", f"not bold {WARN}")
    if full and ref.quality:
        text.append(f"\n  chain of {ref.chain_source}: {ref.quality}", f"not bold {DIM}")
    return text


def _event(one: Event) -> str:
    """An event in words: "earnings Thu 2026-05-21 after the close, estimated"."""
    after = " after the close" if one.kind is EventKind.EARNINGS else ""  # a meeting's end falls into the session
    when = {True: " before the open", False: after, None: ""}[one.before_open]
    sure = "" if one.confirmed else ", estimated"
    return f"{one.kind.value.replace('_', ' ')} {one.day:%a %Y-%m-%d}{when}{sure}"


def _row(reading: Reading, full: bool) -> tuple[RenderableType, ...]:
    signal = reading.signal
    if isinstance(signal, Abstained):
        why: RenderableType = Text(f"abstained: {signal.why}", f"italic {DIM}")
        if full:
            why = Group(why, *(_long(item) for item in reading.evidence))
        return reading.analyst, Text("-", DIM), Text("-", DIM), why
    if full:
        return reading.analyst, _direction(signal), _volatility(signal), Group(*(_long(i) for i in reading.evidence))
    behind = [item for item in reading.evidence if item.id in signal.evidence] or list(reading.evidence[:MOST])
    text = Text(" · ", DIM).join([_short(item) for item in behind])
    if len(behind) < len(reading.evidence):
        text.append(f" · {len(reading.evidence) - len(behind)} more", DIM)
    return reading.analyst, _direction(signal), _volatility(signal), text


def _direction(signal: Signal) -> Text:
    word, style = ("up", GOOD) if signal.direction > 0 else ("down", BAD)
    return _lean(word, style, signal.direction, signal.direction_conviction)


def _volatility(signal: Signal) -> Text:
    word, style = ("rich", GOOD) if signal.volatility > 0 else ("cheap", BAD)
    return _lean(word, style, signal.volatility, signal.volatility_conviction)


def _lean(word: str, style: str, value: float, conviction: float) -> Text:
    if value == 0 or conviction == 0:
        return Text("-", DIM)
    return Text(f"{word} {abs(value):.2f}", style).append(f" x{conviction:.2f}", DIM)


def _short(item: Evidence) -> Text:
    text = Text(f"{label(item.name)} ", DIM).append(amount(item.value, item.unit), "not dim")
    if item.percentile is not None:
        text.append(f" p{100 * item.percentile:.0f}", "not dim cyan")
    elif item.zscore is not None:
        text.append(f" z{item.zscore:+.1f}", "not dim cyan")
    return text


def _long(item: Evidence) -> Text:
    text = Text(item.id, DIM).append(f"  {amount(item.value, item.unit)}", "not dim")
    if item.percentile is not None:
        text.append(f"  {percent(item.percentile)} of its history below", "cyan")
    if item.zscore is not None:
        text.append(f"  {item.zscore:+.2f} sd", "cyan")
    return text.append(f"  {item.note}", DIM) if item.note else text
