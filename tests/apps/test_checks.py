"""`parley data check` on the recorded data."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.render.checks import markdown
from tests.apps.conftest import Parley
from tools.market.review import Refusals, Review

SOUND = Review(
    set_name="a-set",
    ticker="",
    chains=3,
    passed=2,
    stale=1,
    rows=3000,
    refused_rows=1000,
    kept=1990,
    dropped=(("crossed", 10),),
    unquoted=(("stale", 1200), ("absurd", 3)),
    flagged=(("strikes missing near the money", 2),),
    refused=(
        Refusals(kind="copies of the day before", count=1, first="X's chain ... is a copy of that of 2024-03-04"),
    ),
    quoted=True,
    parity_bp=0.149,
    parity_pairs=100,
    iv_median=0.0235,
    iv_p95=0.363,
    no_carry_median=0.5,
    no_carry_p95=2.126,
    iv_quotes=50,
)


def test_the_table_of_a_document() -> None:
    head, rule, line, blank, *notes = markdown([SOUND]).splitlines()
    assert head.count("|") == rule.count("|") == line.count("|") == 11
    assert line == (
        "| a-set | 3 | 1 (1,000) | 3,000 | 1,990 | 10 crossed | 1,200 stale, 3 absurd "
        "| 0.15 | 0.02 / 0.36 | 0.50 / 2.13 |"
    )  # fmt: skip
    assert blank == ""
    assert notes == [
        "- a-set: 1 refused for copies of the day before; the first: X's chain ... is a copy of that of 2024-03-04",
        "- a-set, chains flagged: 1 older than their limit when they became known; "
        "2 with strikes missing near the money",
    ]


@pytest.mark.data
def test_a_set_is_checked(alone: Parley, store_dir: Path) -> None:
    store = {"PARLEY_STORE_DIR": str(store_dir)}
    said = alone("data", "check", "yahoo-2020-10", "--json", **store)
    assert said.code == 0
    (found,) = said.document["reviews"]
    assert (found["set_name"], found["ticker"], found["chains"], found["passed"]) == ("yahoo-2020-10", "", 1, 1)
    assert found["rows"] == found["kept"] + sum(count for _, count in found["dropped"])
    table = alone("data", "check", "yahoo-2020-10", "-v", **store).out
    assert "yahoo-2020-10" in table
    assert "  SPY" in table
    assert f"{found['rows']:,}" in table
    document = alone("data", "check", "yahoo-2020-10", "--ticker", "SPY", "--markdown", **store).out
    assert document.startswith("| set | chains |")
    assert "| yahoo-2020-10 SPY | 1 | 0 |" in document


@pytest.mark.data
def test_what_is_not_there_is_said(alone: Parley, store_dir: Path) -> None:
    store = {"PARLEY_STORE_DIR": str(store_dir)}
    said = alone("data", "check", "nothing", **store)
    assert said.code == 2
    assert "has no set nothing: it holds cboe-2022" in " ".join(said.err.split())
    said = alone("data", "check", "yahoo-2020-10", "--ticker", "XYZ", **store)
    assert said.code == 2
    assert "hold no chain of XYZ" in " ".join(said.err.split())
    said = alone("data", "check")
    assert said.code == 2
    assert "parley data import PATH" in " ".join(said.err.split())
