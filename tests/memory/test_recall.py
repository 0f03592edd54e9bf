"""Memories: found by meaning, never from the future, never from another world."""

from __future__ import annotations

import math
import re
from datetime import timedelta

import pytest

from domain.errors import BadInput
from memory.embed import DIMENSIONS, Embedder
from memory.queries import query
from memory.recall import Recall, memory_id
from memory.store import Store
from tests.memory.conftest import WordVectors
from tests.memory.records import NOW, later

WORLD = "recorded:spx-2019"
NUMBERED = {"world": "$1", "as_of": "$2", "ticker": "$3", "embedding": "$4", "limit": "$5"}


async def test_the_nearest_first(store: Store) -> None:
    texts = ["volatility was rich before the meeting", "earnings were weak", "volatility fell after the meeting"]
    for number, text in enumerate(texts):
        await store.recall.remember("lesson", "SPX", text, NOW, NOW, f"run-{number}", world=WORLD)
    found = await store.recall.recall("rich volatility before a meeting", NOW, 2, world=WORLD)
    assert [memory.text for memory in found] == [texts[0], texts[2]]
    assert found[0].similarity > found[1].similarity > 0
    assert found[0].similarity == round(found[0].similarity, 4)


async def test_nothing_from_the_future(store: Store) -> None:
    moments = {
        "past": (NOW - timedelta(days=1), NOW - timedelta(days=1)),
        "now": (NOW, NOW),
        "learnt later": (NOW - timedelta(days=1), later(microseconds=1)),
        "happens later": (later(microseconds=1), later(days=1)),
    }
    for name, (event_time, known_at) in moments.items():
        await store.recall.remember("lesson", "SPX", f"storm {name}", event_time, known_at, name, world=WORLD)
    found = await store.recall.recall("storm", NOW, 9, world=WORLD)
    assert {memory.text for memory in found} == {"storm past", "storm now"}
    before = await store.recall.recall("storm", NOW - timedelta(days=2), 9, world=WORLD)
    assert before == ()


async def test_cutting_off_the_future_changes_nothing(store: Store) -> None:
    for number in range(30):
        at = NOW - timedelta(hours=number)
        await store.recall.remember("lesson", "SPX", f"storm case {number}", at, at, f"s{number}", world=WORLD)
    before = await store.recall.recall("storm case 7", NOW, 5, world=WORLD)
    for number in range(300):
        at = later(hours=1 + number)
        await store.recall.remember("lesson", "SPX", f"storm case 7 {number}", at, at, f"f{number}", world=WORLD)
    assert await store.recall.recall("storm case 7", NOW, 5, world=WORLD) == before
    assert len(before) == 5


async def test_worlds_and_tickers_are_apart(store: Store) -> None:
    await store.recall.remember("lesson", "SPX", "storm simulated", NOW, NOW, "a", world="simulated:vrp:7")
    await store.recall.remember("lesson", "SPX", "storm real", NOW, NOW, "a", world=WORLD)
    await store.recall.remember("lesson", "QQQ", "storm other name", NOW, NOW, "a", world=WORLD)
    assert {m.text for m in await store.recall.recall("storm", NOW, 9, world=WORLD)} == {
        "storm real",
        "storm other name",
    }
    assert [m.text for m in await store.recall.recall("storm", NOW, 9, "SPX", world=WORLD)] == ["storm real"]
    assert await store.recall.recall("storm", NOW, 9, world="replay/1") == ()


async def test_the_first_memory_stands(store: Store) -> None:
    first = await store.recall.remember("lesson", "SPX", "storm", NOW, NOW, "run-1", world=WORLD)
    again = await store.recall.remember("lesson", "SPX", "calm", NOW, NOW, "run-1", world=WORLD)
    assert first == again == memory_id(WORLD, "run-1", "lesson", "SPX")
    (found,) = await store.recall.recall("storm", NOW, 9, world=WORLD)
    assert (found.id, found.text, found.similarity) == (first, "storm", 1.0)


async def test_known_before_it_happened_is_refused(store: Store) -> None:
    with pytest.raises(BadInput, match="cannot have been known"):
        await store.recall.remember("lesson", "SPX", "x", NOW, NOW - timedelta(seconds=1), "s", world=WORLD)


async def test_an_empty_world_costs_no_embedding(store: Store) -> None:
    vectors = WordVectors()
    recall = Recall(store.db, vectors)
    assert await recall.recall("storm", NOW, 9, world=WORLD) == ()
    assert await recall.recall("storm", NOW, 0, world=WORLD) == ()
    assert vectors.calls == 0


@pytest.fixture
async def crowd(store: Store) -> Store:
    """4,000 memories in 50 worlds, and no index left but the one by nearness."""
    vectors = WordVectors().embed([f"storm number {n} of many" for n in range(4000)])
    rows = [
        (n, f"w{n % 50}", "k", "SPX", str(n), f"storm {n}", NOW, NOW, str(vector)) for n, vector in enumerate(vectors)
    ]
    async with store.db.transaction() as conn, conn.cursor() as cursor:
        await cursor.executemany(
            "insert into memories (id, world, kind, ticker, source, body, event_time, known_at, embedding) "
            "values (%s, %s, %s, %s, %s, %s, %s, %s, %s::vector)",
            rows,
        )
        await conn.execute("drop index memories_of_world")
        await conn.execute("analyze memories")
    return store


async def test_the_index_walks_on_past_other_worlds(crowd: Store) -> None:
    """80 memories of a world among 4,000: the index alone would come back short."""
    plan = (
        "explain (generic_plan) " + re.sub(r"%\((\w+)\)s", lambda hit: NUMBERED[hit[1]], query("recall.near").decode())
    ).encode()
    async with crowd.db.transaction() as conn:
        await conn.execute("set local enable_seqscan = off")
        lines = [line["QUERY PLAN"] for line in await (await conn.execute(plan)).fetchall()]
    assert any("memories_near" in line for line in lines), "the query is written so that the index serves it"
    exact = await crowd.recall.recall("storm number 7", NOW, 20, world="w7")
    walked = await Recall(crowd.db, WordVectors(), exact_rows=0).recall("storm number 7", NOW, 20, world="w7")
    assert len(walked) == len(exact) == 20
    assert walked[0] == exact[0]
    assert len(set(walked) & set(exact)) >= 18


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    made = Embedder()
    made.warm()
    return made


class TestEmbedder:
    """The real model, from its package, without any network."""

    def test_vectors_of_length_one(self, embedder: Embedder) -> None:
        vectors = embedder.embed(["Fed raises interest rates", "", "x " * 5000])
        for vector in vectors:
            assert len(vector) == DIMENSIONS
            assert math.isclose(sum(x * x for x in vector), 1.0, abs_tol=1e-5)

    def test_meaning(self, embedder: Embedder) -> None:
        """Reference: 0.51 and 0.05 with sentence-transformers and the same weights."""
        fed, bank, cat = embedder.embed(
            ["Fed raises interest rates", "central bank hikes its policy rate", "cat likes tuna"]
        )
        assert sum(a * b for a, b in zip(fed, bank, strict=True)) == pytest.approx(0.51, abs=0.02)
        assert sum(a * b for a, b in zip(fed, cat, strict=True)) == pytest.approx(0.05, abs=0.04)

    def test_neighbours_do_not_matter(self, embedder: Embedder) -> None:
        alone = Embedder().embed(["volatility is rich"])[0]
        assert embedder.embed(["a much longer text " * 20, "volatility is rich"])[1] == alone
