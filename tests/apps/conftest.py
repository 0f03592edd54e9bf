"""Fixtures of the command-line tests: the real commands on a database and in a folder of their own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from apps.cli.main import app
from apps.settings import Settings
from tests.postgres import PgServer, open_folder

ROOT = Path(__file__).resolve().parents[2]
MARKET = f"simulated:vrp:{Settings().seed}"  # the seed that is shipped: its last session has a trade in SPY
NOON = "2026-06-30T12:45"


@dataclass(frozen=True)
class Said:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Its one JSON document."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Parley:
    """Runs `parley` under settings that no file or environment of the machine touches.

    Called, it runs in this process, which spares the imports; `start` gives it a process of its own.
    """

    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    def _environment(self, more: dict[str, str]) -> dict[str, str]:
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("PARLEY_", "AUTO_EXECUTE"))}
        own = {"PARLEY_DATA_DIR": str(self.home / "data"), "PARLEY_STORE_DIR": str(self.home / "data" / "store")}
        return {**kept, "PYTHONPATH": str(ROOT), **own, **self.environment, **more}

    def start(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        """Start a command in a process of its own, without waiting."""
        return subprocess.Popen(
            [sys.executable, "-m", "apps.cli.main", *words],
            cwd=self.home,
            env=self._environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *words: str, **environment: str) -> Said:
        """Run a command to its end. What it raises unexpectedly is raised here."""
        before = dict(os.environ)
        os.environ.clear()
        os.environ.update(self._environment(environment))
        try:
            with contextlib.chdir(self.home):
                result = CliRunner().invoke(app, words)
        finally:
            os.environ.clear()
            os.environ.update(before)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Said(result.exit_code, result.stdout, result.stderr)


def finish(process: subprocess.Popen[str]) -> Said:
    """Wait for a command that was started."""
    out, err = process.communicate(timeout=120)
    return Said(process.returncode, out, err)


@pytest.fixture(scope="module")
def parley(pg_server: PgServer) -> Iterator[Parley]:
    """The commands over a fresh external database, shared by the tests of one file."""
    folder, name = open_folder(), pg_server.create()
    yield Parley(folder, {"PARLEY_DATABASE_URL": pg_server.at(name)})
    pg_server.drop(name)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def alone(tmp_path: Path) -> Parley:
    """The commands with nothing running: for those that need no database."""
    return Parley(tmp_path)


@pytest.fixture
def embedded() -> Iterator[Parley]:
    """The commands over an embedded database of their own."""
    folder = open_folder()
    made = Parley(folder)
    yield made
    made("reset", "--yes")
    shutil.rmtree(folder, ignore_errors=True)
