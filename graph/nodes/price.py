"""price: mandates, surfaces, P → the best proposal per mandate out of thousands priced in one batch."""

from __future__ import annotations

from langgraph.runtime import Runtime

from domain.decision import Mandate, Unpriced
from domain.structures import Proposal
from domain.views import Refused, Verdict
from graph.context import Desk
from graph.recorder import refusal
from graph.state import RunState
from quant.worth.outlook import outlook
from quant.worth.price_batch import price_mandate


async def price(state: RunState, runtime: Runtime[Desk]) -> RunState:
    """Price each mandate under Q and P; what is not worth trading is recorded with its reason."""
    desk = runtime.context
    proposals: list[Proposal] = []
    unpriced: list[Unpriced] = []
    refused: list[Refused] = []
    for mandate in state.get("mandates", ()):
        try:
            answer = await _price_one(desk, state, mandate)
        except Exception as error:
            refused.append(refusal(mandate.ticker, "price", error))
            continue
        if isinstance(answer, Proposal):
            proposals.append(answer)
        else:
            unpriced.append(answer)
    return {"proposals": tuple(proposals), "unpriced": tuple(unpriced), "refused": tuple(refused)}


async def _price_one(desk: Desk, state: RunState, mandate: Mandate) -> Proposal | Unpriced:
    ref = state["scans"][mandate.ticker].snapshot
    verdict = state["debates"][mandate.ticker].outcome
    assert isinstance(verdict, Verdict)
    snapshot = await desk.store.snapshots.get(ref.hash)
    surface = await desk.facts.surface(ref.hash, snapshot)
    if surface is None:
        return Unpriced(ticker=mandate.ticker, playbook=mandate.playbook, reason="no option chain", candidates=0)
    expected = await desk.compute.run(outlook, snapshot, surface)
    playbook = desk.playbooks[mandate.playbook]
    nlv = float(state["opened"].nlv)
    return await desk.compute.run(
        price_mandate, mandate, playbook, snapshot, surface, expected, verdict, desk.skill, nlv
    )
