"""Spread models on the command line: fitted, shown, put in force; and what a run says with and without one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.apps.conftest import Parley
from tests.apps.test_help import HEAVY, PROBE

FIT = ("data", "spreads", "fit", "winter", "--set", "yahoo-2026-02")


@pytest.fixture
def scratch(store_dir: Path, tmp_path: Path) -> str:
    """A store of its own with the sets of another."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    for path in store_dir.iterdir():
        (folder / path.name).symlink_to(path)
    return str(folder)


def test_its_help_imports_nothing_heavy() -> None:
    commands = [("data", "spreads"), *(("data", "spreads", one) for one in ("fit", "show", "list"))]
    script = PROBE.format(commands=commands, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.rstrip().endswith("HEAVY []")


@pytest.mark.data
def test_a_model_is_fitted_shown_and_listed(alone: Parley, scratch: str) -> None:
    assert "none in force" in alone("data", "spreads", "list", PARLEY_STORE_DIR=scratch).out
    fitted = alone(*FIT, "--json", PARLEY_STORE_DIR=scratch)
    assert fitted.code == 0
    model = fitted.document["model"]
    assert model["sets"] == ["yahoo-2026-02"]
    assert [kind["kind"] for kind in model["kinds"]] == ["etf", "stock"]
    assert (Path(scratch) / "spreads" / "winter.json").is_file()
    shown = alone("data", "spreads", "show", "winter", PARLEY_STORE_DIR=scratch)
    assert "1.5-2.5 sd" in shown.out
    assert "yahoo-2026-02" in shown.out
    assert alone("data", "spreads", "show", "winter", "--json", PARLEY_STORE_DIR=scratch).document == model
    listed = alone("data", "spreads", "list", PARLEY_STORE_DIR=scratch, PARLEY_SPREAD_MODEL="winter")
    assert "in force: winter" in listed.out


@pytest.mark.data
def test_what_is_not_there_is_named_with_the_way_to_it(alone: Parley, scratch: str) -> None:
    said = alone("data", "spreads", "show", "summer", PARLEY_STORE_DIR=scratch)
    assert said.code != 0
    assert "no spread model 'summer': it holds none; fit one: parley data spreads fit summer" in " ".join(
        said.err.split()
    )
    assert alone("data", "spreads", "fit", "none", PARLEY_STORE_DIR=scratch).code != 0


@pytest.mark.data
@pytest.mark.slow
def test_a_run_without_a_model_is_vetoed_and_with_one_says_so(parley: Parley, scratch: str) -> None:
    run = ("run", "SPY", "--market", "recorded:eod-2026", "--as-of", "2026-06-15")
    bare = parley(*run, PARLEY_STORE_DIR=scratch).out
    assert "has neither bid nor ask" in " ".join(bare.split())
    assert "FAILED quotes_tradable" in bare
    assert parley(*FIT, PARLEY_STORE_DIR=scratch).code == 0
    made = parley(*run, PARLEY_STORE_DIR=scratch, PARLEY_SPREAD_MODEL="winter").out
    assert "recorded:eod-2026:winter" in made
    assert "quoted by a spread model: no real quotes" in made
    assert "has neither bid nor ask" not in " ".join(made.split())
    assert "quotes_tradable" not in made


def test_reset_takes_models_along_and_stops_at_strangers_among_them(alone: Parley) -> None:
    store = alone.home / "data" / "store"
    (store / "spreads").mkdir(parents=True)
    (store / "manifest.json").write_text('{"version": 2, "files": {}}')
    (store / "spreads" / "winter.json").write_text("{}")
    stranger = store / "spreads" / "precious.txt"
    stranger.write_text("mine")
    assert alone("reset", "--yes").code == 2
    assert stranger.read_text() == "mine"
    stranger.unlink()
    assert alone("reset", "--yes").code == 0
    assert not store.exists()
