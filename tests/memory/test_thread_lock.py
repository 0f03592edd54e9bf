"""Locks between processes: one at a time, gone with their holder."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from domain.errors import DatabaseDown, ThreadBusy
from memory.locks import thread_lock
from memory.store import Store

ROOT = Path(__file__).resolve().parents[2]

HOLDER = """
import asyncio, sys
from memory.locks import thread_lock

async def main(uri):
    async with thread_lock(uri, "run-1"):
        print("held", flush=True)
        await asyncio.to_thread(sys.stdin.readline)

asyncio.run(main(sys.argv[1]))
"""


def holder(uri: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, uri], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


async def test_one_at_a_time(store: Store) -> None:
    async with store.thread_lock("run-1"):
        with pytest.raises(ThreadBusy, match="working on run-1"):
            await _take(store, "run-1", 0.0)
        with pytest.raises(ThreadBusy):
            await _take(store, "run-1", 0.05)
        await _take(store, "run-2", 0.0)
        await _take(store, "desk", 0.0)
    await _take(store, "run-1", 0.0)


async def _take(store: Store, name: str, wait_s: float) -> None:
    async with thread_lock(store.db, name, wait_s):
        pass


async def test_waiting_gets_it(store: Store) -> None:
    order: list[str] = []

    async def work(name: str) -> None:
        async with store.thread_lock("run-1", 20):
            order.append(name)
            await asyncio.sleep(0.01)
            order.append(name)

    await asyncio.gather(*(work(f"w{number}") for number in range(5)))
    assert order[::2] == order[1::2]
    assert len(set(order)) == 5


async def test_an_error_inside_lets_go_and_passes(store: Store) -> None:
    async def fail() -> None:
        async with store.thread_lock("run-1"):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    await _take(store, "run-1", 0.0)


async def test_a_killed_holder_lets_go(store: Store, postgres_uri: str) -> None:
    process = holder(postgres_uri)
    with pytest.raises(ThreadBusy):
        await _take(store, "run-1", 0.0)
    process.kill()
    process.communicate()
    await _take(store, "run-1", 20)


async def test_no_database_no_lock() -> None:
    with pytest.raises(DatabaseDown):
        async with thread_lock("postgresql://x@/x?host=/nowhere", "run-1"):
            pass
