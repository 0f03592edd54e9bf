"""The head of a run: what it is about, in which market, argued by whom, in which regime and book."""

from __future__ import annotations

from rich.console import RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from apps.render.words import BAD, DIM, GOOD, STRONG, WARN, market_label, moment, money, plain_name
from domain.decision import Decision
from domain.regime import RegimeName
from domain.views import Abstained, Case

REGIME_STYLE = {
    RegimeName.LOW_VOL: GOOD,
    RegimeName.NEUTRAL: GOOD,
    RegimeName.HIGH_VOL: WARN,
    RegimeName.CRISIS: BAD,
}


def authors(decision: Decision) -> tuple[str, ...]:
    """Who argued and judged, each named once; "rules" is the rule debater."""
    found: dict[str, None] = {}
    for debate in decision.debates:
        for case in (debate.bull, debate.bear):
            if isinstance(case, Case):
                found[case.author] = None
        if not isinstance(debate.outcome, Abstained):
            found[debate.outcome.author] = None
    return tuple(found)


def debated_by(decision: Decision) -> str:
    """Rules or model, in words."""
    names = authors(decision)
    if not names:
        return "nobody had a case to make" if decision.debates else "nobody: no ticker came to a debate"
    models = [name for name in names if name != "rules"]
    if not models:
        return "rules, no language model"
    return f"model {', '.join(models)}" + (" and rules" if "rules" in names else "")


def header(decision: Decision, *, delayed: bool = False, answers: str = "") -> RenderableType:
    """The head of a run as a panel. `answers`: who answers its tickets, where it is not as the specification says."""
    spec, opened = decision.spec, decision.opened
    regime = opened.regime
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style=DIM, no_wrap=True)
    grid.add_column()
    grid.add_row("as of", moment(spec.as_of))
    grid.add_row("market", market_label(spec.market, delayed))
    grid.add_row("argued by", debated_by(decision))
    unknown = regime.reasons[0] if regime.reasons else "no VIX is known"
    vix = f"  {unknown}" if regime.vix is None else f"  VIX {regime.vix:.2f}"
    named = Text(regime.name.value.replace("_", " "), f"{STRONG} {REGIME_STYLE[regime.name]}").append(vix, "not bold")
    grid.add_row("regime", named)
    held = "no position" if not opened.open_positions else f"{opened.open_positions} open"
    grid.add_row("book", f"{spec.account}  {money(opened.nlv)} net liquidation value, {held}")
    if spec.investor.binds:
        grid.add_row("your mandate", spec.investor.text())
    answer = answers or ("code answers tickets (AUTO_EXECUTE)" if spec.auto_execute else "a person answers tickets")
    grid.add_row("orders", f"paper broker, fills at the {plain_name(spec.fill_mode)}; {answer}")
    if decision.analysis_only:
        grid.add_row("tickets", Text(f"none: {decision.analysis_only}", f"{STRONG} {WARN}"))
    title = Text(f" run {spec.run_id} ", STRONG)
    return Panel(grid, title=title, title_align="left", subtitle=Text(f" settings {spec.settings_hash} ", DIM))
