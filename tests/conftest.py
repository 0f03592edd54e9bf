"""Fixtures of the whole suite: where the recorded data lies, and a tripwire that keeps tests off the network."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.postgres import make_database, pg_server, postgres_uri

if TYPE_CHECKING:
    from tools.market.importers.importing import ImportReport

__all__ = ["make_database", "pg_server", "postgres_uri"]

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
os.environ["NO_PROXY"] = "127.0.0.1,localhost"

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The recorded market data; where it is missing, a stated skip, or a failure if it is required."""
    path = ROOT.parent / "shared" / "data"
    if not (path / "options").is_dir():
        if os.environ.get("REQUIRE_RECORDED_DATA"):
            pytest.fail(f"the recorded data is missing at {path}")
        pytest.skip(f"no recorded market data at {path}")
    return path


@pytest.fixture(scope="session")
def imported(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ImportReport]:
    """(store, report) of the whole recorded data folder, imported once."""
    from tools.market.importers.importing import import_path

    folder = tmp_path_factory.mktemp("store")
    return folder, import_path(shared_data, folder)


@pytest.fixture(scope="session")
def store_dir(imported: tuple[Path, ImportReport]) -> Path:
    """The store with every layout imported."""
    return imported[0]


@pytest.fixture(autouse=True)
def _no_outside_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that leaves this machine is broken: only loopback and UNIX sockets connect."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = str(address[0]) if isinstance(address, tuple) else str(address)
            if host not in ("127.0.0.1", "::1", "localhost"):
                raise AssertionError(f"a test tried to reach {host}")
        return real(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", connect)
