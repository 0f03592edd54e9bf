"""The proposal sheet: legs at their quotes, what one structure may win and lose, where its value comes from."""

from __future__ import annotations

import re
from datetime import date

from rich import box
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from apps.render.words import BAD, DIM, GOOD, STRONG, money, net, percent, plain_name, signed
from domain.decision import Unpriced
from domain.orders import SizedOrder
from domain.structures import EvParts, Leg, LegQuote, Option, Proposal

EV_PARTS = (
    ("variance premium", "variance_premium"),
    ("direction", "direction"),
    ("beta", "beta"),
    ("relative value", "relative_value"),
    ("rest", "rest"),
    ("costs", "costs"),
)
BAR = 12  # cells of the longest bar
RUNNERS_UP = 3  # shown
_LEG = re.compile(r"([+-]\d+)[A-Z.]+(\d{6})([PC])([\d.]+)")


def proposal(priced: Proposal, sized: SizedOrder | None) -> RenderableType:
    """The whole sheet; figures are for ONE structure unless they say otherwise."""
    parts: list[RenderableType] = [
        legs(priced.structure.legs, priced.quotes),
        Columns([_worth(priced), _sources(priced.ev_p)], padding=(0, 4)),
        _greeks(priced),
        _measure(priced),
        _others(priced),
    ]
    if sized is not None:
        parts.append(size(sized))
    title = Text(f" {priced.ticker} {plain_name(priced.structure.name.value)} ", STRONG)
    title.append(f"for {plain_name(priced.playbook)} ", f"not bold {DIM}")
    return Panel(Group(*parts), title=title, title_align="left", box=box.ROUNDED)


def leg_name(leg: Leg) -> str:
    """One leg: "-1 SPY 2026-03-20 580 put"."""
    if not isinstance(leg.instrument, Option):
        return f"{leg.quantity:+d} {leg.instrument.ticker} shares"
    option = leg.instrument
    strike = f"{option.strike.normalize():f}"
    return f"{leg.quantity:+d} {option.root} {option.expiry} {strike} {option.right.value}"


def legs(given: tuple[Leg, ...], quotes: tuple[LegQuote, ...]) -> RenderableType:
    """Legs with the market each was priced in."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    for name in ("", "qty", "contract"):
        table.add_column(name, no_wrap=True, justify="right" if name == "qty" else "left")
    for name in ("strike", "bid", "ask", "IV"):
        table.add_column(name, justify="right", no_wrap=True)
    for leg, quote in zip(given, quotes, strict=True):
        word = Text("buy", GOOD) if leg.quantity > 0 else Text("sell", BAD)
        iv = "" if quote.iv is None else percent(quote.iv, 1)
        if isinstance(leg.instrument, Option):
            option = leg.instrument
            name = f"{option.root} {_day(option.expiry)} {option.right.value}"
            strike = f"{option.strike.normalize():f}"
        else:
            name, strike = f"{leg.instrument.ticker} shares", ""
        table.add_row(word, str(abs(leg.quantity)), name, strike, f"{quote.bid:.2f}", f"{quote.ask:.2f}", iv)
    return table


def _day(day: date) -> str:
    return f"{day:%a %Y-%m-%d}"


def _rows(rows: list[tuple[str, RenderableType]]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style=DIM, no_wrap=True)
    grid.add_column()
    for row in rows:
        grid.add_row(*row)
    return grid


def _worth(priced: Proposal) -> RenderableType:
    payoff = priced.payoff
    most = "unlimited" if payoff.max_profit is None else money(payoff.max_profit)
    if payoff.max_profit_range is not None:
        low, high = payoff.max_profit_range
        most = f"{most} (model, {money(low, cents=False)} to {money(high, cents=False)})"
    evens = ", ".join(f"{level:,.2f}" for level in payoff.breakevens) or "none"
    return _rows(
        [
            ("mid", net(priced.net_mid)),
            ("entry", Text(net(priced.net_entry), STRONG)),
            ("natural", net(priced.net_natural)),
            ("fees", money(priced.fees)),
            ("max profit", Text(most, GOOD)),
            ("max loss", Text(money(payoff.max_loss) + ("" if payoff.exact else " (a bound)"), BAD)),
            ("breakevens", evens if payoff.exact else f"{evens} (model)"),
        ]
    )


def _sources(ev: EvParts) -> RenderableType:
    """Expected value under P by source, each with a bar on one scale."""
    values = [(label, getattr(ev, name)) for label, name in EV_PARTS]
    longest = max((abs(value) for _, value in values), default=0) or 1
    grid = Table.grid(padding=(0, 1))
    grid.add_column(style=DIM, no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_row("expected under P", Text(money(ev.total), f"{STRONG} {GOOD if ev.total > 0 else BAD}"), "")
    for label, value in values:
        cells = round(float(abs(value) / longest) * BAR)
        grid.add_row(f"  {label}", signed(value), Text("█" * cells, GOOD if value > 0 else BAD))
    return grid


def _greeks(priced: Proposal) -> RenderableType:
    greeks = priced.greeks
    text = Text()
    figures = (
        ("PoP", percent(priced.pop_p)),
        ("EV if variance is adverse", money(priced.ev_p_adverse)),
        ("worst 2.5 %", money(priced.cvar_p)),
        ("fair under Q", money(priced.fair_q)),
    )
    for number, (name, value) in enumerate(figures):
        text.append(f"{'   ' if number else ''}{name} ", DIM).append(value)
    text.append("\n")
    risk = (
        ("delta", f"{greeks.delta:+.1f} sh"),
        ("gamma", f"{greeks.gamma:+.2f} sh/1 %"),
        ("vega", f"{greeks.vega:+.2f} $/pt"),
        ("theta", f"{greeks.theta:+.2f} $/day"),
        ("rho", f"{greeks.rho:+.3f} $/bp"),
    )
    for number, (name, value) in enumerate(risk):
        text.append(f"{'   ' if number else ''}{name} ", DIM).append(value)
    return text


def _measure(priced: Proposal) -> RenderableType:
    text = Text("P ", DIM).append(f"m {priced.variance_ratio:.3f}   alpha {priced.alpha:+.4f}   ", "not dim")
    return text.append(priced.measure_note)


def _others(priced: Proposal) -> RenderableType:
    text = Text(f"best of {priced.candidates:,} priced", DIM)
    for number, other in enumerate(priced.runners_up[:RUNNERS_UP]):
        text.append(f"\n  {number + 2}. {runner_up(other)}")
    return text


def runner_up(key: str) -> str:
    """A proposal's id as words: "iron butterfly 2026-07-31 650P/666P/666C/682C"; as it is when it has no such form."""
    _, _, rest = key.partition("/")
    _, _, rest = rest.partition("/")
    name, _, legs = rest.partition("/")
    found = [_LEG.fullmatch(leg) for leg in legs.split(",")]
    if not name or not all(found):
        return key
    parts = [one.groups() for one in found if one is not None]
    days = list(dict.fromkeys(f"20{day[:2]}-{day[2:4]}-{day[4:]}" for _, day, _, _ in parts))
    strikes = [f"{'' if n in ('+1', '-1') else n + ' '}{strike}{right}" for n, _, right, strike in parts]
    return f"{plain_name(name)} {' and '.join(days)} {'/'.join(strikes)}"


def size(sized: SizedOrder) -> RenderableType:
    """How many, what bound it, and each reduction with before and after."""
    head = Text("SIZE ", STRONG)
    if sized.contracts == 0:
        return head.append("0 contracts ", f"{STRONG} {BAD}").append(sized.why, "not bold default")
    head.append(f"{sized.contracts} contract{'s' if sized.contracts > 1 else ''}", f"{STRONG} {GOOD}")
    head.append(f"  bound by {sized.binding}; Kelly {percent(sized.kelly_fraction, 2)} of NLV; ", "not bold")
    head.append(f"at most {money(sized.max_loss)} to lose, fees included", "not bold")
    for shrink in sized.shrinks:
        head.append(f"\n     {shrink.by}: {shrink.before} -> {shrink.after}", f"not bold {DIM}")
    return head


def unpriced(gone: Unpriced) -> RenderableType:
    """A mandate for which nothing was worth trading."""
    text = Text(f"{gone.ticker}  {plain_name(gone.playbook)}: ", STRONG)
    priced = "" if str(gone.candidates) in gone.reason else f" ({gone.candidates:,} structures priced)"
    return text.append(f"{gone.reason}{priced}", "not bold")
