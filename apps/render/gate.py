"""What the gate said: every check, failed ones first and in full."""

from __future__ import annotations

from collections.abc import Iterable

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from apps.render.words import BAD, DIM, GOOD, STRONG, money, plain_name
from domain.decision import Check, GateReport, Mandate, Veto


def mandate(granted: Mandate, *, full: bool = False, brief: bool = False) -> RenderableType:
    """A permission to look for a trade, with every check behind it; `brief`: only their number."""
    head = Text(granted.ticker, STRONG).append(f"  {plain_name(granted.playbook)}  ", "not bold")
    head.append("may trade  ", f"{STRONG} {GOOD}")
    names = ", ".join(plain_name(name.value) for name in granted.structures)
    first, last = granted.earliest_expiry, granted.latest_expiry
    when = (f"from {first}" if first else "", f"by {last}" if last else "")
    bound = f", expiring {' '.join(part for part in when if part)}" if first or last else ""
    allowed = f"up to {money(granted.loss_budget)} of loss, {granted.max_contracts} contracts{bound}: {names}"
    head.append(allowed, "not bold")
    if full:
        return Group(head, checks(granted.report))
    if brief and granted.report.passed:
        return head.append(f"; all {len(granted.report.checks)} checks passed", f"not bold {DIM}")
    return Group(head, compact(granted.report))


def veto(refused: Veto, *, full: bool = False) -> RenderableType:
    """A veto: failed checks in full, passed ones counted, or, with `full`, listed."""
    head = Text(refused.ticker, STRONG).append(f"  {plain_name(refused.playbook)}  ", "not bold")
    head.append("vetoed", f"{STRONG} {BAD}")
    if full:
        return Group(head, checks(refused.report))
    passed = sum(check.passed for check in refused.report.checks)
    rows = [_failed(check) for check in refused.report.failed]
    return Group(head.append(f"  {passed} other checks passed", f"not bold {DIM}"), *_indented(rows))


def compact(report: GateReport) -> RenderableType:
    """Every check in little space: failed ones first, a line each, passed ones two a line."""
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    passed = [_passed(check) for check in report.checks if check.passed]
    half = (len(passed) + 1) // 2
    for left, right in zip(passed[:half], [*passed[half:], Text()], strict=False):
        grid.add_row(left, right)
    failed: list[RenderableType] = [_failed(check) for check in report.failed]
    return Group(*_indented([*failed, grid]), Text())


def _indented(rows: Iterable[RenderableType]) -> list[RenderableType]:
    return [Padding(row, (0, 0, 0, 2)) for row in rows]


def _failed(check: Check) -> Text:
    text = Text("FAILED ", BAD).append(check.name, STRONG)
    if check.value or check.limit:
        text.append(f"  {check.value or 'unknown'} against {check.limit or 'no limit'}")
    return text.append(f"  {check.note}", DIM) if check.note else text


def _passed(check: Check) -> Text:
    text = Text("ok ", GOOD).append(check.name, "default")
    if check.value:
        text.append(f"  {check.value}", "default")
    return text.append(f"  ({check.limit})", DIM) if check.limit and check.limit != check.value else text


def checks(report: GateReport) -> RenderableType:
    """Every check as a table, failed ones first; the order within each is the gate's."""
    if not report.checks:
        return Text("no checks", DIM)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    table.add_column("")
    table.add_column("check", no_wrap=True)
    for name in ("value", "limit", "headroom"):
        table.add_column(name, overflow="fold")
    table.add_column("note", style=DIM)
    for check in sorted(report.checks, key=lambda one: one.passed):
        mark = Text("ok", GOOD) if check.passed else Text("FAILED", f"{STRONG} {BAD}")
        name = check.name if check.hard else f"{check.name} (soft)"
        table.add_row(mark, name, check.value, check.limit, check.headroom, check.note)
    return Padding(table, (0, 0, 1, 2))
