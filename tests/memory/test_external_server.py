"""Everything that needs a database passes on an external server too: TCP, a password, no embedded start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.postgres import server

ROOT = Path(__file__).resolve().parents[2]
SUITE = (
    "tests/memory/test_account_door.py",
    "tests/memory/test_desk_records.py",
    "tests/memory/test_recall.py",
    "tests/memory/test_settlement.py",
    "tests/graph/test_tickets.py",
    "tests/graph/test_recorder.py",
    "tests/graph/test_facts.py",
    "tests/graph/test_state.py",
    "tests/graph/test_door.py",
)


@pytest.mark.slow
def test_the_database_suite_passes_on_an_external_server() -> None:
    """The bundled binaries, started here on a TCP port with a password, stand in for somebody's own server."""
    running = server(tcp_password="p@ss word/:%")
    uri = next(running)
    try:
        assert "p%40ss" in uri
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-m", "not slow", *SUITE],
            cwd=ROOT,
            env={**os.environ, "PARLEY_TEST_DATABASE_URL": uri},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        next(running, None)
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout
