"""Runs, tickets, acts, transcripts, snapshots and the rest of what is kept: written once, found again."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest

from domain.codec import digest, dumps
from domain.decision import RunStatus
from domain.errors import BadInput, CodecError, NotFound
from domain.market import (
    Absent,
    BarSeries,
    Calendar,
    Exercise,
    Instrument,
    Interval,
    Kind,
    MarketSnapshot,
    OptionChain,
)
from domain.orders import OPEN_STATES, BrokerState, TicketState
from domain.ports import PaperBook
from domain.regime import Regime, RegimeName, RegimeState
from domain.views import Refused
from memory.snapshots import KEPT
from memory.store import Store, open_store
from tests.memory.conftest import WordVectors
from tests.memory.records import ACCOUNT, MARKET, NOW, decision, fill, later, order, report, spec, ticket

ENDS = tuple(state for state in TicketState if state not in OPEN_STATES)


class TestRuns:
    async def test_a_run_from_beginning_to_end(self, store: Store) -> None:
        log, run = store.decisions, spec()
        await log.begin(run, NOW)
        await log.begin(run, later(hours=1))
        row = await log.run("run-1")
        assert row is not None
        assert (row.spec, row.status, row.decision, row.created_at) == (run, RunStatus.RUNNING, None, NOW)
        made = decision(run)
        assert await log.finish("run-1", RunStatus.AWAITING, made) == digest(made)
        await log.finish("run-1", RunStatus.DONE, made)
        row = await log.run("run-1")
        assert row is not None
        assert (row.run_id, row.status, row.decision, row.decision_hash) == (
            "run-1",
            RunStatus.DONE,
            made,
            digest(made),
        )

    async def test_an_id_means_one_run(self, store: Store) -> None:
        await store.decisions.begin(spec(), NOW)
        with pytest.raises(BadInput, match="another specification"):
            await store.decisions.begin(spec(seed=8), NOW)

    async def test_a_decision_is_never_rewritten(self, store: Store) -> None:
        log, run = store.decisions, spec()
        await log.begin(run, NOW)
        await log.finish("run-1", RunStatus.DONE, decision(run))
        with pytest.raises(BadInput, match="cannot replace"):
            await log.finish("run-1", RunStatus.FAILED, decision(run, ranked=("SPX",)))
        row = await log.run("run-1")
        assert row is not None
        assert (row.status, row.decision) == (RunStatus.DONE, decision(run))
        await log.finish("run-1", RunStatus.HALTED, None)
        row = await log.run("run-1")
        assert row is not None
        assert (row.status, row.decision) == (RunStatus.HALTED, decision(run))

    async def test_unknown_runs(self, store: Store) -> None:
        assert await store.decisions.run("no") is None
        with pytest.raises(NotFound, match="journal list"):
            await store.decisions.finish("no", RunStatus.DONE, None)
        with pytest.raises(NotFound, match="journal list"):
            await store.decisions.set_status("no", RunStatus.DONE)

    async def test_lists_and_short_ids(self, store: Store) -> None:
        log = store.decisions
        for number, name in enumerate(("abc-1", "abc-12", "abd-1", "x%y")):
            account = "replay/1" if name == "x%y" else ACCOUNT
            await log.begin(spec(name, account=account), later(minutes=number))
        assert [row.run_id for row in await log.runs(3)] == ["x%y", "abd-1", "abc-12"]
        assert [row.run_id for row in await log.runs(9, ACCOUNT)] == ["abd-1", "abc-12", "abc-1"]
        assert await log.resolve("abd") == "abd-1"
        assert await log.resolve("abc-1") == "abc-1", "an exact id wins"
        with pytest.raises(BadInput, match="several runs"):
            await log.resolve("ab")
        with pytest.raises(NotFound):
            await log.resolve("%")
        with pytest.raises(BadInput, match="give the id"):
            await log.resolve("")

    async def test_nodes_are_upserted(self, store: Store) -> None:
        log = store.decisions
        refused = (Refused(ticker="SPX", stage="snapshot", reason="stale"),)
        await log.record_node("run-1", "open", "*", "h0", "{}", (), 1.5, NOW)
        await log.record_node("run-1", "scan", "SPX", "h1", "{}", (), 2.5, later(seconds=1))
        await log.record_node("run-1", "scan", "SPX", "h2", '{"a":1}', refused, 3.5, later(seconds=2))
        first, second = await log.nodes("run-1")
        assert (first.node, first.duration_ms) == ("open", 1.5)
        assert (second.in_hash, second.output, second.refusals, second.at) == (
            "h2",
            '{"a":1}',
            refused,
            later(seconds=2),
        )

    async def test_transcripts_are_found_by_their_words(self, store: Store) -> None:
        kept = store.transcripts
        await kept.put("run-1", "SPX", "The bull argues that volatility is rich.\x00")
        await kept.put("run-1", "QQQ", "Nothing was said.")
        await kept.put("run-2", "SPX", "The bear fears earnings and falling prices.")
        await kept.put("run-2", "SPX", "The bear feared earnings; the skew was steep.")
        assert [one.ticker for one in await kept.get("run-1")] == ["QQQ", "SPX"]
        (hit,) = await store.decisions.search("fearing")
        assert (hit.run_id, hit.ticker) == ("run-2", "SPX")
        assert "«feared»" in hit.excerpt
        assert [hit.run_id for hit in await kept.search('"volatility is rich" OR skew', 9)] == ["run-1", "run-2"]
        assert await kept.search("prices", 9) == (), "replaced text is gone"
        assert len(await kept.search("bull OR bear", 1)) == 1
        assert await kept.search("' ; drop table runs --", 9) == ()


class TestTickets:
    async def test_a_life(self, store: Store) -> None:
        await store.tickets.create(ticket())
        await store.tickets.create(ticket())
        row = await store.tickets.get("t1")
        assert (row.ticket, row.state, row.answered_by) == (ticket(), TicketState.AWAITING, "")
        moved = await store.tickets.set_state("t1", TicketState.APPROVED, "ok", later(minutes=1), "me")
        assert moved is TicketState.APPROVED
        assert await store.tickets.set_state("t1", TicketState.WORKING, "", later(minutes=2)) is TicketState.WORKING
        row = await store.tickets.get("t1")
        assert (row.answered_by, row.updated_at) == ("me", later(minutes=2))

    async def test_nothing_goes_back(self, store: Store) -> None:
        await store.tickets.create(ticket())
        await store.tickets.set_state("t1", TicketState.WORKING, "", NOW)
        for state in (TicketState.AWAITING, TicketState.APPROVED):
            assert await store.tickets.set_state("t1", state, "", NOW) is TicketState.WORKING

    @pytest.mark.parametrize("end", ENDS)
    async def test_ends_are_final(self, store: Store, end: TicketState) -> None:
        await store.tickets.create(ticket())
        assert await store.tickets.set_state("t1", end, "first", NOW) is end
        for state in TicketState:
            assert await store.tickets.set_state("t1", state, "second", later(minutes=1)) is end
        row = await store.tickets.get("t1")
        assert (row.reason, row.updated_at) == ("first", NOW)

    async def test_one_end_when_many_try(self, store: Store) -> None:
        await store.tickets.create(ticket())
        stands = await asyncio.gather(*(store.tickets.set_state("t1", end, end.value, NOW) for end in ENDS * 2))
        row = await store.tickets.get("t1")
        assert set(stands) == {row.state}
        assert row.reason == row.state.value

    async def test_a_ticket_is_never_rewritten(self, store: Store) -> None:
        await store.tickets.create(ticket())
        with pytest.raises(BadInput, match="other contents"):
            await store.tickets.create(ticket(contracts=3))

    async def test_lists(self, store: Store) -> None:
        await store.tickets.create(ticket("t1"))
        await store.tickets.create(ticket("t2", created_at=later(minutes=1)))
        await store.tickets.create(ticket("u1", run_id="run-2", account="replay/1", created_at=later(minutes=2)))
        await store.tickets.set_state("t1", TicketState.REJECTED, "", NOW)

        async def ids(**chosen: object) -> list[str]:
            return [row.ticket.id for row in await store.tickets.list(**chosen)]  # type: ignore[arg-type]

        assert await ids() == ["u1", "t2", "t1"]
        assert await ids(run_id="run-1") == ["t2", "t1"]
        assert await ids(account=ACCOUNT, open_only=True) == ["t2"]
        latest = await store.tickets.latest_for_run("run-1")
        assert latest is not None
        assert latest.ticket.id == "t2"
        assert await store.tickets.latest_for_run("none") is None
        assert await store.tickets.resolve("u") == "u1"
        with pytest.raises(NotFound, match="parley tickets"):
            await store.tickets.get("none")
        with pytest.raises(NotFound, match="parley tickets"):
            await store.tickets.set_state("none", TicketState.FILLED, "", NOW)


class TestActs:
    async def test_the_first_act_of_a_nonce_stands(self, store: Store) -> None:
        first = await store.acts.write("approve", "me", "cli", "t1", "n1", {"contracts": "1"}, NOW)
        second = await store.acts.write("reject", "you", "telegram", "t1", "n1", {}, later(minutes=1))
        assert first.fresh
        assert second == dataclasses.replace(first, fresh=False)
        assert (second.kind, second.payload) == ("approve", {"contracts": "1"})

    async def test_one_is_fresh_when_two_desks_race(self, store: Store, postgres_uri: str) -> None:
        other = await open_store(postgres_uri, WordVectors())
        try:
            written = await asyncio.gather(
                *(
                    desk.acts.write("approve", f"p{n}", "cli", "t1", "n1", {}, NOW)
                    for n in range(8)
                    for desk in (store, other)
                )
            )
        finally:
            await other.close()
        assert sum(act.fresh for act in written) == 1
        assert len({act.id for act in written}) == 1
        assert len({act.who for act in written}) == 1
        assert len(await store.acts.list()) == 1

    async def test_acts_are_applied_once(self, store: Store) -> None:
        one = await store.acts.write("approve", "me", "cli", "t1", "n1", {}, NOW)
        two = await store.acts.write("reject", "me", "cli", "t1", "n2", {}, NOW)
        await store.acts.write("approve", "me", "cli", "t2", "n3", {}, NOW)
        assert [act.id for act in await store.acts.pending("t1")] == [one.id, two.id]
        assert await store.acts.applied(one.id, "filled", later(minutes=1))
        assert not await store.acts.applied(one.id, "again", later(minutes=2))
        assert [act.nonce for act in await store.acts.pending("t1")] == ["n2"]
        assert [act.nonce for act in await store.acts.pending()] == ["n2", "n3"]
        newest, _, oldest = await store.acts.list()
        assert (newest.nonce, oldest.outcome, oldest.applied_at) == ("n3", "filled", later(minutes=1))

    async def test_halts_hold_until_their_scope_is_resumed(self, store: Store) -> None:
        acts = store.acts

        async def write(kind: str, scope: str, nonce: str) -> None:
            await acts.write(kind, "me", "cli", scope, nonce, {"reason": nonce}, NOW)

        await write("resume", "desk", "too early")
        await write("halt", "desk", "a")
        await write("halt", ACCOUNT, "b")
        assert [(halt.scope, halt.reason) for halt in await acts.halts()] == [("desk", "a"), (ACCOUNT, "b")]
        await write("resume", "desk", "c")
        await write("resume", "desk", "c")
        assert [halt.scope for halt in await acts.halts()] == [ACCOUNT]
        await write("halt", "desk", "a")  # the same click again: lifted already, stays lifted
        assert [halt.scope for halt in await acts.halts()] == [ACCOUNT]
        await write("halt", "desk", "d")
        assert [halt.reason for halt in await acts.halts()] == ["b", "d"]


def snapshot(spot: float) -> MarketSnapshot:
    day = np.arange(3, dtype=np.int64) * 86400
    price = np.array([1.0, 2.0, np.nan])
    bars = BarSeries(
        ticker="SPX",
        interval=Interval.DAY,
        source="test",
        adjusted=False,
        start=day,
        known_at=day,
        open=price,
        high=price,
        low=price,
        close=price,
        volume=price,
    )
    chain = OptionChain(
        ticker="SPX",
        exercise=Exercise.EUROPEAN,
        multiplier=100,
        spot=spot,
        quoted_at=NOW,
        known_at=NOW,
        source="test",
        closing=False,
        root=np.array(["SPXW", "SPX", "SPXW"]),
        expiry=day,
        settles_at=day,
        is_call=np.array([True, False, True]),
        **dict.fromkeys(
            ("strike", "bid", "ask", "last", "volume", "open_interest", "vendor_iv", "vendor_delta"), price
        ),
    )
    return MarketSnapshot(
        ticker="SPX",
        as_of=NOW,
        market=MARKET,
        simulated=False,
        instrument=Instrument(
            ticker="SPX",
            kind=Kind.INDEX,
            exercise=Exercise.EUROPEAN,
            sector=None,
            broad_index=True,
            multiplier=100,
            known_at=NOW,
        ),
        spot=spot,
        chain=chain,
        chain_lag_s=12.0,
        iv_confidence=0.97,
        lag_limit_s=600.0,
        quality=None,
        sources=(),
        restrictions=(),
        daily=bars,
        intraday=None,
        vix_history=None,
        indices=(),
        rates=None,
        calendar=Calendar(events=(), unknown=()),
        social=None,
        absent=(Absent(what="social", why="none"),),
    )


class TestSnapshots:
    async def test_by_content_and_back(self, store: Store, postgres_uri: str) -> None:
        ref = await store.snapshots.put(snapshot(2864.0))
        assert ref == await store.snapshots.put(snapshot(2864.0))
        assert ref.hash == digest(snapshot(2864.0))
        assert (ref.spot, ref.chain_at, ref.absent) == (2864.0, NOW, snapshot(2864.0).absent)
        other = await open_store(postgres_uri, WordVectors())  # nothing remembered in the process
        try:
            found = await other.snapshots.get(ref.hash)
            assert digest(found) == ref.hash
            assert found.chain is not None
            assert found.chain.root.tolist() == ["SPXW", "SPX", "SPXW"]
            assert await other.snapshots.get(ref.hash) is found
        finally:
            await other.close()

    async def test_a_snapshot_never_taken(self, store: Store) -> None:
        with pytest.raises(NotFound, match="another database"):
            await store.snapshots.get("0" * 64)

    async def test_only_a_few_stay_in_the_process(self, store: Store) -> None:
        first = await store.snapshots.put(snapshot(1.0))
        held = await store.snapshots.get(first.hash)
        for number in range(KEPT):
            await store.snapshots.put(snapshot(2.0 + number))
        again = await store.snapshots.get(first.hash)
        assert again is not held
        assert digest(again) == first.hash

    async def test_what_was_altered_in_the_database_is_noticed(self, store: Store) -> None:
        await store.db.run(
            "snapshots.put", hash="bad", ticker="SPX", market=MARKET, as_of=NOW, blob=b"nonsense", days=None
        )
        with pytest.raises(CodecError):
            await store.snapshots.get("bad")


async def test_the_first_fact_stands(store: Store) -> None:
    assert await store.facts.get("h", "surface/1") is None
    await store.facts.put("h", "surface/1", b"\x00one")
    await store.facts.put("h", "surface/1", b"two")
    assert await store.facts.get("h", "surface/1") == b"\x00one"
    assert await store.facts.get("h", "surface/2") is None


async def test_regimes_are_of_their_world_and_of_the_past(store: Store) -> None:
    def regime(name: RegimeName, at: datetime) -> tuple[RegimeState, Regime]:
        state = RegimeState(name=name, since=at)
        return state, Regime(name=name, as_of=at, vix=None, vix_known_at=None, reasons=())

    calm, storm = regime(RegimeName.LOW_VOL, NOW), regime(RegimeName.CRISIS, later(days=1))
    await store.regimes.put("w", NOW, *calm)
    await store.regimes.put("w", later(days=1), *storm)
    assert await store.regimes.last("w", NOW) is None
    assert await store.regimes.last("w", later(days=1)) == calm[0]
    assert await store.regimes.last("w", later(days=9)) == storm[0]
    assert await store.regimes.last("other", later(days=9)) is None
    await store.regimes.put("w", NOW, *regime(RegimeName.NEUTRAL, NOW))
    assert await store.regimes.last("w", later(days=1)) == RegimeState(name=RegimeName.NEUTRAL, since=NOW)


async def test_replies_are_kept_to_the_byte(store: Store) -> None:
    text = 'a "reply" \x00 \ud83d \U0001f600\n'
    assert await store.replies.get("k") is None
    await store.replies.put("k", text, "model", NOW)
    await store.replies.put("k", "another", "model", NOW)
    assert await store.replies.get("k") == text


class TestPaperOrders:
    async def test_the_paper_brokers_books(self, store: Store) -> None:
        port: PaperBook = store.paper
        assert await port.paper_find("t1-1") is None
        working = report(order(), state=BrokerState.WORKING)
        assert await port.paper_put(ACCOUNT, order(), working) == working
        filled = report(order(), fill(order()))
        assert await port.paper_put(ACCOUNT, order(), filled) == working, "the first stands"
        assert await port.paper_open(ACCOUNT) == ((order(), working),)
        await port.paper_update(filled)
        await port.paper_update(report(order(), state=BrokerState.CANCELLED))
        assert await port.paper_find("t1-1") == filled, "a final report stays"
        assert await port.paper_open(ACCOUNT) == ()
        second = order("t2")
        await port.paper_put(ACCOUNT, second, report(second, fill(second, 1), fill(second, 1)))
        assert [(one.client_order_id, done.contracts) for one, done in await port.paper_fills(ACCOUNT)] == [
            ("t1-1", 2),
            ("t2-1", 1),
            ("t2-1", 1),
        ]
        assert await port.paper_fills("paper/other") == ()
        with pytest.raises(NotFound, match="knows no order"):
            await port.paper_update(report(order("t9")))


async def test_records_come_back_equal_to_the_bit(store: Store) -> None:
    """Money keeps its cents and times their microseconds through the tables."""
    precise = ticket(limit_price=Decimal("-10.0375"), created_at=datetime(2019, 5, 21, 17, 45, 0, 123457, tzinfo=UTC))
    await store.tickets.create(precise)
    row = await store.tickets.get("t1")
    assert dumps(row.ticket) == dumps(precise)
    assert row.updated_at == precise.created_at
