"""The argument about one ticker: bull and bear side by side, what code struck, and the verdict."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from apps.render.words import BAD, DIM, GOOD, STRONG, WARN, percent
from domain.views import Abstained, Case, Claim, Debate, Direction, Verdict, Volatility


def debate(argued: Debate, *, brief: bool = False) -> RenderableType:
    """Both cases and the outcome; evidence ids stand without their ticker, which the title names.

    `brief`: the heaviest claim of each side, and how many more there are.
    """
    sides = Table.grid(padding=(0, 2), expand=True)
    sides.add_column(ratio=1)
    sides.add_column(ratio=1)
    most = 1 if brief else None
    bull = _case("BULL", GOOD, argued.ticker, argued.bull, most)
    sides.add_row(bull, _case("BEAR", BAD, argued.ticker, argued.bear, most))
    parts: list[RenderableType] = [Text(argued.ticker, STRONG), sides]
    for memory in argued.recalled:
        text = Text(f"recalled, memory {memory.id}, similarity {memory.similarity:.2f}: ", DIM)
        parts.append(text.append(memory.text, "italic"))
    parts.append(Padding(verdict(argued.outcome), (0, 0, 1, 0)))
    return Group(*parts)


def verdict(outcome: Verdict | Abstained) -> RenderableType:
    """The outcome on both axes, or why there is none."""
    if isinstance(outcome, Abstained):
        text = Text("no verdict  ", f"{STRONG} {WARN}")
        return text.append(f"{outcome.who} abstained: {outcome.why}", "not bold default")
    head = Text("VERDICT ", STRONG)
    head.append("direction ", f"not bold {DIM}").append(outcome.direction.value, _style(outcome.direction))
    if outcome.direction is not Direction.INCONCLUSIVE:
        head.append(f" {percent(outcome.direction_p)}", "not bold")
    head.append("   volatility ", f"not bold {DIM}").append(outcome.volatility.value, _style(outcome.volatility))
    if outcome.volatility is not Volatility.INCONCLUSIVE:
        head.append(f" {percent(outcome.volatility_p)}", "not bold")
    head.append(f"   over {outcome.horizon} days, by {outcome.author}", f"not bold {DIM}")
    return Group(head, Padding(Text(outcome.why), (0, 0, 0, 8)))


def _style(view: Direction | Volatility) -> str:
    return {"up": GOOD, "rich": GOOD, "down": BAD, "cheap": BAD}.get(view.value, DIM)


def _case(title: str, style: str, ticker: str, case: Case | Abstained, most: int | None) -> RenderableType:
    head = Text(title, f"{STRONG} {style}")
    if isinstance(case, Abstained):
        return Group(head, Text(f"abstained: {case.why}", f"italic {DIM}"))
    lines: list[RenderableType] = [head]
    if not case.claims:
        lines.append(Text("has nothing to say", f"italic {DIM}"))
    shown = sorted(case.claims, key=lambda claim: -claim.weight)[:most]
    lines.extend(_claim(ticker, claim) for claim in shown)
    if len(shown) < len(case.claims):
        lines.append(Text(f"and {len(case.claims) - len(shown)} more", DIM))
    for reason in case.struck:
        lines.append(Text("struck ", WARN).append(reason, f"strike {DIM}"))
    return Group(*lines)


def _claim(ticker: str, claim: Claim) -> RenderableType:
    text = Text(f"{claim.weight:.2f} ", STRONG).append(claim.text, "not bold")
    cited = [name.removeprefix(f"{ticker}/") for name in claim.evidence]
    cited += [f"memory {number}" for number in claim.memories]
    return text.append(f" [{', '.join(cited)}]", f"not bold {DIM}") if cited else text
