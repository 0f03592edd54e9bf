"""The scribe: the story of a run, a ticket and a day as markdown. Pure: equal records give equal words."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from agents.recollection import lesson, memory_of_decision, memory_of_ticket, situation, view
from agents.words import citations, evidence_table, leaning, leg_text
from domain.decision import Decision, GateReport, Outcome, RunSpec, Scan
from domain.orders import Answer, OrderTicket, SizedOrder
from domain.structures import Proposal
from domain.views import Abstained, Case, Debate, Reading

__all__ = [
    "day_report",
    "lesson",
    "memory_of_decision",
    "memory_of_ticket",
    "situation",
    "ticket_story",
    "transcript",
]


def transcript(decision: Decision) -> str:
    """A whole run as a story: what was seen, argued, allowed, priced, sized and asked, ticker by ticker."""
    spec, opened = decision.spec, decision.opened
    simulated = " (simulated: no real market)" if any(scan.snapshot.simulated for scan in decision.scans) else ""
    parts = [
        f"# Run {spec.run_id}",
        f"Market {spec.market}{simulated}, as of {spec.as_of:%Y-%m-%d %H:%M} UTC, account {spec.account}. "
        f"Net liquidation value {dollars(opened.nlv)}, {opened.open_positions} open positions. "
        f"Regime {opened.regime.name.value}: {'; '.join(opened.regime.reasons) or 'no reason given'}.",
    ]
    if spec.investor.binds:
        parts.append(f"Mandate of the person: {spec.investor.text()}.")
    if decision.analysis_only:
        parts.append(f"**Analysis only:** {decision.analysis_only}.")
    if opened.refused is not None:
        parts.append(f"**The run ended at once:** {opened.refused.reason}")
    debates = {argued.ticker: argued for argued in decision.debates}
    for scan in decision.scans:
        parts.append(_ticker(decision, scan, debates.get(scan.ticker)))
    if decision.refused:
        parts.append("## Refused")
        parts.append("\n".join(f"- {one.ticker} at {one.stage}: {one.reason}" for one in decision.refused))
    parts.append("## Tickets")
    parts.append("\n".join(f"- {name}" for name in decision.tickets) or "None: this run proposes nothing.")
    return "\n\n".join(parts) + "\n"


def _ticker(decision: Decision, scan: Scan, argued: Debate | None) -> str:
    ref = scan.snapshot
    chain = f"chain of {ref.chain_at:%Y-%m-%d %H:%M} UTC, {ref.chain_lag_s:.0f} s old" if ref.chain_at else "no chain"
    missing = "".join(f" Absent: {one.what} ({one.why})." for one in ref.absent)
    seen = "".join(f" {caveat[0].upper()}{caveat[1:]}." for caveat in ref.caveats)
    if ref.quality:
        seen += f" Chain of {ref.chain_source}: {ref.quality}."
    parts = [
        f"## {scan.ticker}" + (f", {ref.company}" if ref.company else ""),
        f"Spot {ref.spot:,.2f}, {chain}, snapshot {ref.hash[:12]}.{seen}{missing}",
        "### Evidence",
        evidence_table(item for reading in scan.readings for item in reading.evidence),
        "### Signals",
        "\n".join(_signal(reading) for reading in scan.readings),
    ]
    if argued is None:
        parts.append("Not debated: it was not on the shortlist.")
        return "\n\n".join(parts)
    parts.append(_debate(argued))
    for one in decision.mandates:
        if one.ticker == scan.ticker:
            names = ", ".join(name.value.replace("_", " ") for name in one.structures)
            parts.append(f"### Gate: {one.playbook} may trade")
            parts.append(
                f"Permitted: {names}; loss budget {dollars(one.loss_budget)}, at most {one.max_contracts} contracts."
            )
            parts.append(gate_table(one.report))
    for veto in decision.vetoes:
        if veto.ticker == scan.ticker:
            parts.append(f"### Gate: {veto.playbook} vetoed")
            parts.append(gate_table(veto.report))
    for gone in decision.unpriced:
        if gone.ticker == scan.ticker:
            parts.append(f"### Price: {gone.playbook} found nothing")
            parts.append(f"{gone.reason} ({gone.candidates} structures priced).")
    sized = {one.proposal.id: one for one in decision.sized}
    for proposal in decision.proposals:
        if proposal.ticker == scan.ticker:
            parts.append(_proposal(proposal, sized.get(proposal.id)))
    return "\n\n".join(parts)


def _signal(reading: Reading) -> str:
    signal = reading.signal
    if isinstance(signal, Abstained):
        return f"- {reading.analyst} abstained: {signal.why}"
    direction = f"direction {signal.direction:+.3f} at conviction {signal.direction_conviction:.3f}"
    volatility = f"volatility {signal.volatility:+.3f} at {signal.volatility_conviction:.3f}"
    return f"- {reading.analyst}: {leaning(signal)} ({direction}, {volatility}). {signal.why}"


def _debate(argued: Debate) -> str:
    parts = [_case("Bull", argued.bull), _case("Bear", argued.bear)]
    if argued.recalled:
        parts.append(
            "### Recalled\n\n"
            + "\n".join(f"- memory {one.id} (similarity {one.similarity:.2f}): {one.text}" for one in argued.recalled)
        )
    outcome = argued.outcome
    if isinstance(outcome, Abstained):
        parts.append(f"### No verdict\n\n{outcome.who} abstained: {outcome.why}")
    else:
        carried = f" Carried by {', '.join(outcome.claims)}." if outcome.claims else ""
        parts.append(f"### Verdict by {outcome.author}: {view(outcome)}\n\n{outcome.why}{carried}")
    return "\n\n".join(parts)


def _case(title: str, case: Case | Abstained) -> str:
    if isinstance(case, Abstained):
        return f"### {title}\n\nAbstained: {case.why}."
    lines = [
        f"- **{claim.id}** ({claim.axis}, weight {claim.weight:.3f}) {claim.text} [{citations(claim)}]"
        for claim in case.claims
    ]
    lines += [f"- ~~struck~~ {reason}" for reason in case.struck]
    return f"### {title}, argued by {case.author}\n\n" + "\n".join(lines)


def _proposal(proposal: Proposal, sized: SizedOrder | None) -> str:
    payoff, ev = proposal.payoff, proposal.ev_p
    most = "unlimited" if payoff.max_profit is None else dollars(payoff.max_profit)
    evens = ", ".join(f"{level:,.2f}" for level in payoff.breakevens) or "none"
    lines = [
        f"### Proposal {proposal.id}: {proposal.structure.name.value.replace('_', ' ')} under {proposal.playbook}",
        "Legs: " + ", ".join(leg_text(leg) for leg in proposal.structure.legs) + ".",
        f"{net(proposal.net_entry)} at entry (mid {proposal.net_mid:+.2f}, natural {proposal.net_natural:+.2f}), fees "
        f"{dollars(proposal.fees)}. For one: at most {most} to win, {dollars(payoff.max_loss)} to lose"
        f"{'' if payoff.exact else ' (a bound)'}; breakevens {evens}.",
        f"Under P: profit in {100 * proposal.pop_p:.0f} % of cases, expected {dollars(ev.total)} = costs "
        f"{dollars(ev.costs)}, relative value {dollars(ev.relative_value)}, variance premium "
        f"{dollars(ev.variance_premium)}, direction {dollars(ev.direction)}, beta {dollars(ev.beta)}, rest "
        f"{dollars(ev.rest)}; at the adverse variance {dollars(_cents(proposal.ev_p_adverse))}; worst 2.5 % "
        f"{dollars(_cents(proposal.cvar_p))}. {proposal.measure_note}",
        f"Best of {proposal.candidates} priced."
        + (f" Runners-up: {'; '.join(proposal.runners_up)}." if proposal.runners_up else ""),
    ]
    if sized is not None:
        shrinks = "".join(f" {one.by}: {one.before} → {one.after}." for one in sized.shrinks)
        lines.append(
            f"Size: **{sized.contracts} contracts**, bound by {sized.binding}; Kelly share "
            f"{100 * sized.kelly_fraction:.2f} %, at most {dollars(sized.max_loss)} to lose. {sized.why}{shrinks}"
        )
    return "\n\n".join(lines)


def gate_table(report: GateReport) -> str:
    """Every check of a gate report as a markdown table."""
    rows = ["| check | limit | value | headroom | |", "|---|---|---|---|---|"]
    for check in report.checks:
        word = "passed" if check.passed else "**failed**"
        note = f" {check.note}" if check.note else ""
        kind = "hard" if check.hard else "soft"
        rows.append(f"| {check.name} ({kind}) | {check.limit} | {check.value} | {check.headroom} | {word}{note} |")
    return "\n".join(rows) if len(rows) > 2 else "No checks."


def ticket_story(ticket: OrderTicket, answer: Answer | None, outcome: Outcome) -> str:
    """How one ticket went from its making to its end; `answer` None: how an order that had rested ended."""
    name = ticket.structure.name.value.replace("_", " ")
    legs = ", ".join(leg_text(leg) for leg in ticket.structure.legs)
    parts = [
        f"# Ticket {ticket.id}",
        f"To {ticket.effect.value} {ticket.contracts} × {name} in {ticket.ticker} ({legs}), limit "
        f"{net(ticket.limit_price)}, under {ticket.playbook}, account {ticket.account}, market {ticket.market}, as of "
        f"{ticket.as_of:%Y-%m-%d %H:%M} UTC. Why: {ticket.why}",
        _answered(answer),
        f"Ended **{outcome.state}**: {outcome.reason}",
    ]
    if outcome.fill_net is not None:
        parts.append(f"Filled {outcome.contracts} at {net(outcome.fill_net)}, position {outcome.position_id}.")
    if outcome.pnl is not None:
        parts.append(f"Realised {dollars(outcome.pnl)}.")
    if outcome.report is not None:
        parts.append(gate_table(outcome.report))
    return "\n\n".join(parts) + "\n"


def _answered(answer: Answer | None) -> str:
    if answer is None:
        return "Its order rested at the broker."
    edits = []
    if answer.contracts is not None:
        edits.append(f"{answer.contracts} contracts")
    if answer.limit_price is not None:
        edits.append(f"limit {net(answer.limit_price)}")
    edited = f", edited to {' and '.join(edits)}" if edits else ""
    said = f" {answer.reason}" if answer.reason else ""
    when = f"{answer.at:%Y-%m-%d %H:%M:%S} UTC"
    return f"Answered {answer.kind} by {answer.who} through {answer.through} at {when}{edited}.{said}"


def day_report(
    spec: RunSpec,
    nlv: Decimal,
    attribution: Iterable[tuple[str, str]],
    risk: GateReport,
    lessons: Iterable[str],
) -> str:
    """The end of a day: value, P&L of each open position since entry, the book held against the limits, lessons."""
    rows = "\n".join(f"| {position} | {pnl} |" for position, pnl in attribution)
    learned = "\n".join(f"- {text}" for text in lessons)
    parts = [
        f"# Close of {spec.as_of:%Y-%m-%d}",
        f"Account {spec.account}, market {spec.market}. Net liquidation value {dollars(nlv)}.",
        "## Open positions",
        f"| position | P&L since entry, dollars |\n|---|---|\n{rows}" if rows else "None.",
        "## The book against its limits",
        gate_table(risk),
        "## Lessons",
        learned or "No position closed today.",
    ]
    return "\n\n".join(parts) + "\n"


def dollars(amount: Decimal) -> str:
    """An amount of money: "-$1,234.50"."""
    return f"-${-amount:,.2f}" if amount < 0 else f"${amount:,.2f}"


def net(price: Decimal) -> str:
    """A net price in words: "credit 1.25" or "debit 3.10", dollars a share."""
    return f"credit {-price:.2f}" if price < 0 else f"debit {price:.2f}"


def _cents(amount: float) -> Decimal:
    return Decimal(f"{amount:.2f}")
