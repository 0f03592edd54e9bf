"""The one place where a thread is started or resumed, always under a PostgreSQL advisory lock on its id.

LangGraph itself has no such lock: the same approval resumed twice at once would execute twice.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.types import Command

from domain.decision import RunSpec
from domain.errors import BadInput, NotFound, ThreadBusy, ThreadOutdated
from domain.orders import OPEN_STATES, Answer, OrderTicket, TicketState
from graph.close import close_graph
from graph.context import Desk
from graph.nodes.approve import answer_of, expired
from graph.nodes.execute import reconcile
from graph.nodes.journal_ticket import conclude
from graph.run import run_graph
from graph.state import CloseState, WatchState
from graph.ticket import ticket_graph
from graph.watch import watch_graph
from graph.working import settle_working
from memory.decisions import RunRow
from memory.locks import thread_lock
from memory.store import Store
from memory.tickets import TicketRow
from quant.sizing.order import client_order_id

GRAPH_VERSION = "2"  # raise it when nodes or state change so that a paused thread could not go on

OpenDesk = Callable[[str, datetime], Awaitable[Desk]]


@dataclass(frozen=True)
class Runs:
    """Starts, resumes and answers threads. `saver` None: replay, nothing is checkpointed and nothing interrupts."""

    store: Store
    saver: BaseCheckpointSaver[Any] | None
    open_desk: OpenDesk  # a desk in the market and at the clock that a thread stores
    settings_hash: str
    start_cash: Decimal  # of an account that is opened here
    lock_wait_s: float = 30.0

    def _config(self, thread_id: str) -> RunnableConfig:
        return {"configurable": {"thread_id": thread_id}, "recursion_limit": 60}

    async def _invoke(self, graph: Any, given: Any, thread_id: str, desk: Desk) -> Any:
        durability = {} if graph.checkpointer is None else {"durability": "sync"}
        return await graph.ainvoke(given, self._config(thread_id), context=desk, **durability)

    async def start(self, spec: RunSpec) -> RunRow:
        """Run a decision from its specification to its journal, then put its tickets before whoever answers them."""
        desk = await self.open_desk(spec.market, spec.as_of)
        await self._one_world(spec)
        await self._expire(spec)
        async with thread_lock(self.store.db, f"new:{spec.run_id}", self.lock_wait_s):
            number = 1
            while await self.store.decisions.run(f"{spec.run_id}-{number}") is not None:
                number += 1
            spec = dataclasses.replace(spec, run_id=f"{spec.run_id}-{number}")
            await self.store.decisions.begin(spec, desk.clock.now())
        return await self.go_on(spec.run_id, desk)

    async def go_on(self, run_id: str, desk: Desk | None = None) -> RunRow:
        """Finish a run from where it stands: new, killed anywhere, or done. Finished work is not repeated."""
        async with thread_lock(self.store.db, run_id, self.lock_wait_s):
            row = await self._row(run_id)
            if row.decision is None:
                self._same_world(row.spec.settings_hash, row.spec.graph_version, run_id)
                desk = desk or await self.open_desk(row.spec.market, row.spec.as_of)
                graph = run_graph().compile(checkpointer=self.saver)
                begun = self.saver is not None and (await graph.aget_state(self._config(run_id))).created_at
                await self._invoke(graph, None if begun else {"spec": row.spec}, run_id, desk)
            if self.saver is not None:
                await self.saver.adelete_thread(run_id)
        await self._pick_up_all(await self.store.tickets.list(run_id=run_id, open_only=True))
        return await self._row(run_id)

    async def answer(
        self,
        ticket_id: str,
        kind: str,
        *,
        who: str,
        through: str,
        at: datetime,
        contracts: int | None = None,
        limit_price: Decimal | None = None,
        reason: str = "",
    ) -> TicketRow:
        """A person's answer: one act, unique by the ticket's nonce, then the thread goes on. The first one counts."""
        row = await self.ticket(ticket_id)
        if contracts is not None and contracts < 1:
            raise BadInput(f"{contracts} contracts are no order; reject the ticket instead")
        if limit_price is not None and not limit_price.is_finite():
            raise BadInput(f"{limit_price} is no limit price")
        payload = {"reason": reason}
        if contracts is not None:
            payload["contracts"] = str(contracts)
        if limit_price is not None:
            payload["limit_price"] = str(limit_price)
        await self.store.acts.write(kind, who, through, ticket_id, row.ticket.nonce, payload, at)
        return await self.pick_up(ticket_id)

    async def pick_up(self, ticket_id: str) -> TicketRow:
        """Take a ticket's thread as far as it can go: to its answer, or from its answer to its end."""
        async with thread_lock(self.store.db, ticket_id, self.lock_wait_s):
            row = await self.ticket(ticket_id)
            if row.state not in OPEN_STATES or row.state == TicketState.WORKING:
                return row
            try:
                self._same_world(row.ticket.settings_hash, row.ticket.graph_version, ticket_id)
            except ThreadOutdated as error:
                return await self._outdated(row.ticket, str(error))
            desk = await self.open_desk(row.ticket.market, row.ticket.as_of)
            await self._advance(row.ticket, desk)
            return await self.ticket(ticket_id)

    async def settle_working(self, spec: RunSpec) -> int:
        """Look after orders that rest at the broker. Returns how many ended."""
        desk = await self.open_desk(spec.market, spec.as_of)
        async with thread_lock(self.store.db, spec.account, self.lock_wait_s):
            return await settle_working(desk, spec.account)

    async def watch(self, spec: RunSpec) -> WatchState:
        """One look at the open positions: mark, protect, exits; then every waiting ticket of the account goes as far as
        it can, and what is rolled gets a new decision.
        """
        desk = await self.open_desk(spec.market, spec.as_of)
        await self.store.portfolio.ensure_account(spec.account, self.start_cash)
        await self._one_world(spec)
        await self._expire(spec)
        async with thread_lock(self.store.db, spec.account, self.lock_wait_s):
            graph = watch_graph().compile()
            state: WatchState = await self._invoke(graph, {"spec": spec}, spec.run_id, desk)
            rolled = {p.id: p.ticker for p in await self.store.portfolio.open_positions(spec.account)}
        await self._pick_up_all(await self.store.tickets.list(account=spec.account, open_only=True))
        if state["rolls"]:
            tickers = tuple(sorted({rolled[position_id] for position_id in state["rolls"]}))
            at = spec.as_of
            if desk.market.live:  # a watch tick is no chain to decide on: the whole one is fetched, and it is now
                await desk.market.refresh(tickers)
                at = desk.clock.now()
            await self.start(dataclasses.replace(spec, run_id=f"{spec.run_id}-roll", tickers=tickers, as_of=at))
        return state

    async def close(self, spec: RunSpec) -> CloseState:
        """The end of a day for one account."""
        desk = await self.open_desk(spec.market, spec.as_of)
        await self.store.portfolio.ensure_account(spec.account, self.start_cash)
        await self._one_world(spec)
        async with thread_lock(self.store.db, spec.account, self.lock_wait_s):
            state: CloseState = await self._invoke(close_graph().compile(), {"spec": spec}, spec.run_id, desk)
        return state

    async def _pick_up_all(self, rows: tuple[TicketRow, ...]) -> None:
        """Pick up every ticket, then raise the first error: one that fails must not keep the others waiting."""
        errors: list[Exception] = []
        for row in rows:
            try:
                await self.pick_up(row.ticket.id)
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]

    async def _one_world(self, spec: RunSpec) -> None:
        """An account lives in one market, and its time runs forward only."""
        if spec.account not in await self.store.portfolio.accounts():
            return
        other = [t for t in await self.store.tickets.list(account=spec.account) if t.ticket.market != spec.market]
        if other:
            market = other[0].ticket.market
            raise BadInput(f"account {spec.account} trades in {market}, not {spec.market}; name another with --account")
        fills = await self.store.portfolio.fills(spec.account)
        if fills and fills[-1].at > spec.as_of:
            raise BadInput(
                f"account {spec.account} has traded at {fills[-1].at:%Y-%m-%d %H:%M} UTC, which is after "
                f"{spec.as_of:%Y-%m-%d %H:%M}; choose a later --as-of or another --account"
            )

    async def _expire(self, spec: RunSpec) -> None:
        """End tickets of an account that ran out by now and were never sent: nothing may fill in the past."""
        for row in await self.store.tickets.list(account=spec.account, open_only=True):
            if row.state == TicketState.AWAITING and row.ticket.expires_at <= spec.as_of:
                try:
                    await self._expire_one(row.ticket.id, spec.as_of)
                except ThreadBusy:
                    continue  # somebody is answering it right now, and its own thread looks at the clock

    async def _expire_one(self, ticket_id: str, at: datetime) -> None:
        async with thread_lock(self.store.db, ticket_id):
            row = await self.ticket(ticket_id)
            sent = await self.store.portfolio.intent(client_order_id(ticket_id)) is not None
            if row.state != TicketState.AWAITING or sent:
                return
            await self.store.portfolio.release(ticket_id, at)
            await self.store.tickets.set_state(ticket_id, TicketState.EXPIRED, expired(row.ticket), at)
            if self.saver is not None:
                await self.saver.adelete_thread(ticket_id)

    async def _advance(self, ticket: OrderTicket, desk: Desk) -> None:
        graph = ticket_graph().compile(checkpointer=self.saver)
        if self.saver is None:
            await self._invoke(graph, {"ticket": ticket}, ticket.id, desk)
            return
        state = await graph.aget_state(self._config(ticket.id))
        if not state.created_at or (state.next and not state.interrupts):
            await self._invoke(graph, None if state.created_at else {"ticket": ticket}, ticket.id, desk)
            state = await graph.aget_state(self._config(ticket.id))
        if state.interrupts:
            answer = await self._answer_on_record(ticket, desk)
            if answer is None:
                return
            await self._invoke(graph, Command(resume=answer), ticket.id, desk)
        for act in await self.store.acts.pending(ticket.id):
            await self.store.acts.applied(act.id, (await self.ticket(ticket.id)).state, desk.clock.now())
        await self.saver.adelete_thread(ticket.id)

    async def _answer_on_record(self, ticket: OrderTicket, desk: Desk) -> Answer | None:
        acts = await self.store.acts.pending(ticket.id)
        if acts:
            return answer_of(acts[0])
        now = desk.clock.now()
        if now >= ticket.expires_at:
            return Answer(
                kind="expire", who="clock", through="code", at=now, contracts=None, limit_price=None, reason="expired"
            )
        return None

    def _same_world(self, settings_hash: str, graph_version: str, thread_id: str) -> None:
        if graph_version != GRAPH_VERSION:
            raise ThreadOutdated(
                f"{thread_id} was started by graph version {graph_version}, this is {GRAPH_VERSION}; run it anew"
            )
        if settings_hash != self.settings_hash:
            raise ThreadOutdated(
                f"{thread_id} was started under settings {settings_hash}, these are {self.settings_hash}; "
                "put the settings back or run it anew"
            )

    async def _outdated(self, ticket: OrderTicket, why: str) -> TicketRow:
        desk = await self.open_desk(ticket.market, ticket.as_of)
        now = desk.clock.now()
        sent = [o for o in await self.store.portfolio.unresolved(ticket.account) if o.ticket_id == ticket.id]
        if sent:  # its order may be at the broker: whatever the settings are now, the books must say what became of it
            await conclude(desk, ticket, None, await reconcile(desk, ticket, sent[0]))
        else:
            await self.store.portfolio.release(ticket.id, now)
            await self.store.tickets.set_state(ticket.id, TicketState.OUTDATED, why, now)
        if self.saver is not None:
            await self.saver.adelete_thread(ticket.id)
        return await self.ticket(ticket.id)

    async def _row(self, run_id: str) -> RunRow:
        row = await self.store.decisions.run(run_id)
        if row is None:
            raise NotFound(f"no run {run_id}; `parley journal list` shows them")
        return row

    async def ticket(self, ticket_id: str) -> TicketRow:
        """One ticket as it stands. Raises NotFound."""
        return await self.store.tickets.get(ticket_id)
