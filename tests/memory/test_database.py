"""The database: its schema, its statements, and what it says when it is not there."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from domain.errors import DatabaseDown, ParleyError
from memory.database import Database, clean, migrate
from memory.queries import migrations, query, topic, topics
from memory.store import Store, open_store
from tests.memory.conftest import WordVectors
from tests.memory.records import ACCOUNT, NOW, fill, order, report
from tests.postgres import PgServer, server

ROOT = Path(__file__).resolve().parents[2]
NAV = Decimal("100000")


@pytest.fixture
def empty_uri(pg_server: PgServer):  # type: ignore[no-untyped-def]
    pg_server.run("create database parley_bare")
    yield pg_server.at("parley_bare")
    pg_server.drop("parley_bare")


async def test_migrations_run_once(empty_uri: str) -> None:
    every = tuple(step.version for step in migrations())
    assert await migrate(empty_uri) == every
    assert await migrate(empty_uri) == ()


async def test_migrations_at_once_from_several_sides(empty_uri: str) -> None:
    done = await asyncio.gather(*(migrate(empty_uri) for _ in range(4)))
    assert sorted(len(versions) for versions in done) == [0, 0, 0, len(migrations())]


async def test_what_older_programs_stored_stays(empty_uri: str) -> None:
    """A database of the first step: its snapshots have no end."""
    first, *rest = migrations()
    assert await migrate(empty_uri, (first,)) == (1,)
    with psycopg.connect(empty_uri, autocommit=True) as conn:
        conn.execute(
            "insert into snapshots (hash, ticker, market, as_of, blob) values ('old', 'SPX', '', %s, '')", (NOW,)
        )
    assert await migrate(empty_uri) == tuple(step.version for step in rest)
    opened = await open_store(empty_uri, WordVectors())
    assert await opened.snapshots.prune() == 0
    assert await opened.db.row("snapshots.get", hash="old") is not None
    await opened.close()


async def test_a_failed_migration_leaves_nothing(empty_uri: str) -> None:
    first = migrations()[0]
    broken = first._replace(version=99, name="broken", text=b"create table half (a int); select no_such_column")
    with pytest.raises(psycopg.errors.UndefinedColumn):
        await migrate(empty_uri, (first, broken))
    assert await migrate(empty_uri) == tuple(step.version for step in migrations())


async def test_an_edited_migration_is_refused(postgres_uri: str) -> None:
    edited = tuple(step._replace(sha256="0" * 64) for step in migrations())
    with pytest.raises(DatabaseDown, match="edited"):
        await migrate(postgres_uri, edited)


async def test_a_newer_database_is_refused(postgres_uri: str) -> None:
    with psycopg.connect(postgres_uri, autocommit=True) as conn:
        conn.execute("insert into migrations (version, name, sha256) values (9999, 'from the future', '')")
    with pytest.raises(DatabaseDown, match="update Parley"):
        await migrate(postgres_uri)


def test_every_query_fits_the_schema(postgres_uri: str) -> None:
    """PostgreSQL itself parses and plans each statement; parameters are nulls of unknown type."""
    skipped = []
    with psycopg.connect(postgres_uri, autocommit=True) as conn:
        for name in (f"{where}.{what}" for where in topics() for what in topic(where)):
            text = re.sub(rb"--.*\n|%\(\w+\)s", lambda hit: b"null" * hit[0].startswith(b"%"), query(name))
            if not text.lower().startswith((b"select", b"insert", b"update", b"with")):
                skipped.append(name)
                continue
            conn.execute(sql.SQL("explain ").as_bytes() + text)
    assert skipped == ["migrate.make_table", "session.one_view"]


def test_every_query_is_used() -> None:
    source = "".join(path.read_text() for path in (ROOT / "memory").glob("*.py"))
    unused = [f"{where}.{what}" for where in topics() for what in topic(where) if f'"{where}.{what}"' not in source]
    assert unused == []


def test_an_unknown_query_is_named() -> None:
    with pytest.raises(ParleyError, match=r"no query tickets\.nonsense"):
        query("tickets.nonsense")
    with pytest.raises(ParleyError, match=r"no query nowhere\.at_all"):
        query("nowhere.at_all")


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("postgresql://u:hush@127.0.0.1:1/db", "db at 127.0.0.1:1"),
        ("postgresql://u:hush@/db?host=/nowhere", "db at /nowhere"),
        ("this is no uri hush", "percent-encoded"),
        ("postgresql://u:hush/hush@127.0.0.1:1/db", "percent-encoded"),
    ],
)
async def test_a_database_that_is_not_there(uri: str, says: str) -> None:
    with pytest.raises(DatabaseDown) as caught:
        await Database.open(uri)
    assert says in str(caught.value)
    assert "PARLEY_DATABASE_URL" in str(caught.value)
    assert "hush" not in str(caught.value)


async def test_the_pool_survives_killed_connections(store: Store, postgres_uri: str) -> None:
    with psycopg.connect(postgres_uri, autocommit=True) as conn:
        conn.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where pid <> pg_backend_pid() and datname = current_database()"
        )
    assert await store.db.rows("session.ping") == [{"alive": 1}]


async def test_a_closed_store_says_so(postgres_uri: str) -> None:
    store = await open_store(postgres_uri, WordVectors())
    await store.close()
    await store.close()
    with pytest.raises(DatabaseDown):
        await store.db.ping()


async def test_moments_come_back_in_utc(store: Store) -> None:
    await store.acts.write("reject", "me", "cli", "t1", "n1", {}, NOW)
    (act,) = await store.acts.list()
    assert act.at == NOW
    assert str(act.at.tzinfo) == "UTC"


def test_text_is_made_storable() -> None:
    assert clean("a\x00b\ud800c") == "a\ufffdb?c"


async def test_an_external_server_by_tcp_with_a_password() -> None:
    """The same desk on a server of another kind: loopback, SCRAM, no socket."""
    running = server(tcp_password="correct horse/battery@staple")
    uri = next(running)
    try:
        with pytest.raises(DatabaseDown, match="password"):
            await Database.open(uri.replace("correct", "wrong"))
        store = await open_store(uri, WordVectors())
        try:
            await store.portfolio.ensure_account(ACCOUNT, NAV)
            async with store.portfolio.door(ACCOUNT, NOW) as door:
                await door.write_intent(order(), reducing=False)
            await store.portfolio.settle(order(), report(order(), fill(order())), NOW)
            assert len(await store.portfolio.open_positions(ACCOUNT)) == 1
            await store.recall.remember("lesson", "SPX", "calm after the storm", NOW, NOW, "s", world="w")
            assert len(await store.recall.recall("storm", NOW, 3, world="w")) == 1
            async with store.thread_lock("run-1"):
                assert await store.db.ping() < 5
        finally:
            await store.close()
    finally:
        next(running, None)


def test_the_template_is_copied_for_each_test(make_database: Callable[[], str]) -> None:
    first, second = make_database(), make_database()
    assert first != second
    with psycopg.connect(first, autocommit=True) as conn:
        conn.execute("insert into facts values ('h', 'c', '')")
    with psycopg.connect(second, autocommit=True) as conn:
        assert conn.execute("select count(*) from facts").fetchone() == (0,)
