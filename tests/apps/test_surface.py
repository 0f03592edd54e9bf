"""`parley surface`: its sheet, its document, its pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.apps.conftest import MARKET, Parley


def test_the_sheet_says_fit_checks_and_odd_quotes_within_its_width(alone: Parley) -> None:
    said = alone("surface", "spy", "--market", MARKET)
    assert said.code == 0, said.err
    assert "no butterfly and no calendar arbitrage" in said.out
    assert "SSVI  rho -" in said.out
    assert "Heston  v0 0.0" in said.out
    assert "quotes out of line" in said.out
    assert "SIMULATED" in said.out
    assert max(len(line) for line in said.out.splitlines()) <= 100


def test_the_document_and_both_pictures(alone: Parley, tmp_path: Path) -> None:
    page, image = tmp_path / "spy.html", tmp_path / "spy.png"
    said = alone("surface", "SPY", "--market", MARKET, "--json", "--html", str(page), "--png", str(image))
    assert said.code == 0, said.err
    document = said.document
    assert document["after"] == {"butterflies": [], "crossings": []}
    assert len(document["slices"]) > 10
    assert all(one["least_g"] >= 0.0 for one in document["slices"])
    assert all(one["fit_error"] < 0.02 for one in document["slices"] if one["liquid"])
    assert document["files"] == [str(page), str(image)]
    text = page.read_text()
    assert text.count("<svg") == 1
    assert text.count("<polyline") > 50
    assert not any(word in text for word in ("<script", "<link", "href=", "src="))
    assert image.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_a_picture_that_cannot_be_written_is_bad_input(alone: Parley, tmp_path: Path) -> None:
    said = alone("surface", "SPY", "--market", MARKET, "--png", str(tmp_path / "nowhere" / "spy.png"))
    assert said.code == 2
    assert "cannot be written" in said.err


def test_an_unknown_ticker_is_named(alone: Parley) -> None:
    said = alone("surface", "NOPE", "--market", MARKET)
    assert said.code == 2
    assert "NOPE" in said.err


@pytest.mark.data
def test_a_chain_without_quotes_has_a_surface_and_no_odd_quotes(alone: Parley, store_dir: Path) -> None:
    said = alone(
        "surface", "SPY", "--market", "recorded:eod-2026", "--as-of", "2026-06-15", PARLEY_STORE_DIR=str(store_dir)
    )
    assert said.code == 0, said.err
    assert "the chain has no bid and ask" in said.out
