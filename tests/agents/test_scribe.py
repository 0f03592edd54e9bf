from __future__ import annotations

import dataclasses
from decimal import Decimal

from agents.debate.debate import debate
from agents.scribe import day_report, ticket_story, transcript
from domain.playbook import InvestorMandate
from domain.views import Abstained, Case, Debate
from tests.agents.scene import BALANCE, IV, memory, scan, silent
from tests.agents.story import ANSWER, FAILED, PASSED, TICKET, decision, outcome, report

QUIET = Abstained(who="judge", ticker="SPX", why="nothing")
LOST = "Lesson SPX: iron condor under x held the view volatility rich and ended with a loss of $85.00: stop."


async def test_a_transcript_tells_the_whole_story_in_order() -> None:
    text = transcript(decision(await debate(scan(), (memory(7, LOST),), (), None)))
    told = [
        "# Run r-1",
        "Net liquidation value $100,000.00, 1 open positions. Regime neutral: VIX 16.3 < 22.",
        "## SPX",
        "Spot 2,862.25, chain of 2019-05-21 19:30 UTC, 0 s old, snapshot abababababab.",
        "### Evidence",
        f"| {IV} | 15.2 % | 42 % |  | constant maturity |",
        f"| {BALANCE} | +0.310 |",
        "### Signals",
        "- vol_surface: volatility rich strongly, over 21 days",
        "- social abstained: no source of social counts has this name",
        "### Bull, argued by rules",
        "- **bull-1** (volatility, weight 0.420) Vol surface: 30-day ATM IV 15.2 % is 1.31× the 21-day realised 11.6 %",
        "### Bear, argued by rules",
        "[memory 7]",
        "### Recalled",
        "- memory 7 (similarity 0.80): Lesson SPX: iron condor",
        "### Verdict by rules: direction up at 57 % and volatility rich at 60 % over 21 days",
        "Carried by bull-1, bull-2.",
        "### Gate: index_iron_condor may trade",
        "Permitted: iron condor, bull put spread; loss budget $5,000.00, at most 5 contracts.",
        "| nlv_mark (hard) | 900 s | 0 s | 900 s | passed |",
        "### Gate: debit_vertical vetoed",
        "| direction (soft) | conclusive | inconclusive |  | **failed** n |",
        "### Proposal SPX-1: bull put spread under index_iron_condor",
        "Legs: +1 2019-06-21 put 2700, -1 2019-06-21 put 2750.5.",
        "credit 4.10 at entry (mid -4.30, natural -3.70), fees $5.20.",
        "at most $410.00 to win, $4,640.00 to lose; breakevens 2,746.40.",
        "Under P: profit in 81 % of cases, expected $36.00 = costs -$25.00,",
        "Best of 4321 priced. Runners-up: the next one.",
        "Size: **2 contracts**, bound by largest loss per trade; Kelly share 3.10 %",
        "sector: 3 → 2.",
        "## XYZ",
        "no chain",
        "Not debated: it was not on the shortlist.",
        "## Refused",
        "- NVDA at snapshot: stale: 3900 s old",
        "## Tickets",
        "- t-1",
    ]
    at = 0
    for words in told:
        found = text.find(words, at)
        assert found >= 0, f"{words!r} is missing after {text[max(0, at - 80) : at]!r}"
        at = found + len(words)
    assert "(simulated: no real market)" in text, "one simulated ticker is enough to say so"


async def test_the_persons_mandate_is_quoted_where_one_is_set() -> None:
    plain = decision(await debate(scan(), (), (), None))
    assert "Mandate of the person" not in transcript(plain)
    own = InvestorMandate(watchlist=("SPX",), max_dte=60, largest_loss=Decimal(500))
    bound = dataclasses.replace(plain, spec=dataclasses.replace(plain.spec, investor=own))
    told = "Mandate of the person: SPX; up to 60 DTE; at most $500.00 of loss a trade."
    assert told in transcript(bound)


async def test_a_run_without_a_trade_says_why() -> None:
    text = transcript(decision(await debate(silent(), (), (), None), trades=False))
    assert "Abstained: it has no case to make." in text
    assert "### No verdict" in text
    assert "judge abstained: neither side has a claim" in text
    assert "### Price: index_iron_condor found nothing\n\nno part was positive (4321 structures priced)." in text
    assert text.endswith("## Tickets\n\nNone: this run proposes nothing.\n")


async def test_struck_claims_stay_in_the_story() -> None:
    made = await debate(scan(), (), (), None)
    assert isinstance(made.bull, Case)
    bull = Case(side=made.bull.side, author="small", claims=made.bull.claims, struck=("“IV 99 %”: no such number",))
    failed = Abstained(who="judge", ticker="SPX", why="HTTP 500")
    text = transcript(decision(Debate(ticker="SPX", bull=bull, bear=made.bear, recalled=(), outcome=failed)))
    assert "### Bull, argued by small" in text
    assert "- ~~struck~~ “IV 99 %”: no such number" in text
    assert "judge abstained: HTTP 500" in text


def test_a_tickets_story() -> None:
    text = ticket_story(TICKET, ANSWER, outcome())
    assert "To open 2 × bull put spread in SPX (+1 2019-06-21 put 2700, -1 2019-06-21 put 2750.5)" in text
    assert "limit credit 4.10, under index_iron_condor" in text
    assert "Answered approve by anna through cli" in text
    assert "edited to 1 contracts and limit credit 4.20. looks fair" in text
    assert "Ended **filled**: filled at the limit" in text
    assert "Filled 1 at credit 4.20, position p-1." in text
    assert "Realised" not in text
    assert "Its order rested at the broker." in ticket_story(TICKET, None, outcome(fill=None))
    assert "Realised -$85.00." in ticket_story(TICKET, ANSWER, outcome("-85.00"))


def test_a_day_report() -> None:
    made = decision(Debate(ticker="SPX", bull=QUIET, bear=QUIET, recalled=(), outcome=QUIET)).spec
    text = day_report(made, Decimal("100123.45"), (("p-1", "12.30"),), report(PASSED, FAILED), ("It paid.",))
    assert "# Close of 2019-05-21" in text
    assert "Net liquidation value $100,123.45." in text
    assert "| p-1 | 12.30 |" in text
    assert "**failed**" in text
    assert "- It paid." in text
    empty = day_report(made, Decimal("1"), (), report(), ())
    assert "None." in empty
    assert "No checks." in empty
    assert "No position closed today." in empty
