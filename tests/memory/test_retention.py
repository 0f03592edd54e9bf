"""Snapshots that decisions rest on stay; those of marks go after their days, with the facts that follow from them."""

from __future__ import annotations

import psycopg
import pytest

from domain.errors import NotFound
from memory.store import Store, open_store
from tests.memory.conftest import WordVectors
from tests.memory.test_desk_records import snapshot


async def age(store: Store, days: int) -> None:
    """Let so many days pass for everything that is kept for a time."""
    with psycopg.connect(store.uri, autocommit=True) as conn:
        conn.execute("update snapshots set kept_until = kept_until - make_interval(days => %s)", (days,))


async def stored(store: Store, content: str) -> bool:
    """Asked of the database, past what this process remembers."""
    fresh = await open_store(store.uri, WordVectors())
    try:
        await fresh.snapshots.get(content)
    except NotFound:
        return False
    finally:
        await fresh.close()
    return True


async def test_a_mark_goes_after_its_days_and_a_decision_stays(store: Store) -> None:
    decided = await store.snapshots.put(snapshot(1.0))
    marked = await store.snapshots.put(snapshot(2.0), days=30)
    for ref in (decided, marked):
        await store.facts.put(ref.hash, "surface-1", b"fact")
    await age(store, 29)
    assert await store.snapshots.prune() == 0
    assert await stored(store, marked.hash)
    await age(store, 1)
    assert await store.snapshots.prune() == 1
    assert await store.snapshots.prune() == 0
    assert not await stored(store, marked.hash)
    assert await stored(store, decided.hash)
    assert await store.facts.get(marked.hash, "surface-1") is None
    assert await store.facts.get(decided.hash, "surface-1") == b"fact"


@pytest.mark.parametrize("days", [(30, None), (None, 30), (1, 60), (60, 1)])
async def test_the_longest_wish_holds(store: Store, days: tuple[int | None, int | None]) -> None:
    for wish in days:
        ref = await store.snapshots.put(snapshot(1.0), days=wish)
    await age(store, 59)
    assert await store.snapshots.prune() == 0
    await age(store, 1)
    assert await store.snapshots.prune() == (0 if None in days else 1)
    assert await stored(store, ref.hash) is (None in days)


async def test_a_snapshot_that_went_is_stored_anew(store: Store) -> None:
    """This process remembers it; the database does not."""
    ref = await store.snapshots.put(snapshot(1.0), days=30)
    await age(store, 30)
    assert await store.snapshots.prune() == 1
    assert await store.snapshots.put(snapshot(1.0)) == ref
    assert await stored(store, ref.hash)


async def test_opening_the_store_prunes(store: Store) -> None:
    ref = await store.snapshots.put(snapshot(1.0), days=30)
    await age(store, 30)
    await (await open_store(store.uri, WordVectors())).close()
    assert await store.db.row("snapshots.get", hash=ref.hash) is None
