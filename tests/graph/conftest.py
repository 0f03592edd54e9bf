"""Fixtures of the graph tests: a zygote process per session."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


class Zygote:
    """Sends orders to the forking process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert self._read().get("ready")

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the zygote died"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def do(self, **order: Any) -> Any:
        """Run one order to its end and return its exit status (negative: the signal that killed it)."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._read()
        return answer.get("status", answer.get("pid"))

    def start(self, **order: Any) -> None:
        """Start an order without waiting."""
        self.do(wait=False, **order)

    def join(self) -> list[int]:
        """Wait for everything started; their exit statuses in order."""
        statuses: list[int] = self.do(join=True)
        return statuses


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """One forking process for the whole session."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.graph.zygote"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Zygote(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=20)
        assert process.stdout is not None
        process.stdout.close()
