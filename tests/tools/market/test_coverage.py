"""What a store covers: sessions, gaps, quotes, spans."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from apps.render.data import covered, gaps
from domain.market import Interval
from tools.market.coverage import coverage, missing
from tools.market.store import Store


def test_sessions_between_that_are_not_held_are_missing() -> None:
    held = (date(2026, 6, 17), date(2026, 6, 22), date(2026, 6, 24))  # Juneteenth is no session
    assert missing(held) == (date(2026, 6, 18), date(2026, 6, 23))
    assert missing(held[:1]) == missing(()) == ()


def test_gaps_are_said_as_runs() -> None:
    assert gaps(()) == "none"
    days = (date(2019, 5, 10), date(2019, 5, 17), date(2019, 6, 14), date(2019, 6, 17), date(2019, 6, 18))
    assert gaps(days) == "5: 2019-05-10, 05-17, 06-14 to 06-18"
    assert gaps((*days, date(2020, 1, 2))) == "6: 2019-05-10, 05-17, 06-14 to 06-18, ..."
    assert gaps((date(2019, 12, 31), date(2020, 1, 2))) == "2: 2019-12-31 to 2020-01-02"


def test_an_empty_store_covers_nothing(tmp_path: Path) -> None:
    found = coverage(Store(tmp_path))
    assert (found.chains, found.bars, found.shelves, found.files) == ((), (), (), 0)


@pytest.mark.data
def test_the_recorded_sets(store_dir: Path) -> None:
    found = coverage(Store(store_dir))
    chains = {(row.market, row.ticker): row for row in found.chains}
    spx = chains["recorded:spx-2019", "SPX"]
    assert (spx.sessions, spx.first, spx.last, spx.snapshots) == (41, date(2019, 4, 25), date(2019, 6, 28), 41)
    assert spx.missing == (
        date(2019, 5, 10),
        date(2019, 5, 17),
        date(2019, 6, 14),
        date(2019, 6, 17),
        date(2019, 6, 18),
    )
    assert spx.quotes == "bid and ask"
    archive = chains["recorded:eod-2026", "QQQ"]
    assert (archive.sessions, archive.missing, archive.quotes) == (47, (), "none")
    assert chains["recorded:lean-minute-2021", "SPX"].snapshots == 2430
    assert chains["recorded:lean-5min-2015", "GOOG"].quotes.startswith("both on ")
    bars = {(row.interval, row.ticker, row.source): row for row in found.bars}
    gappy = bars[Interval.FIVE_MINUTES, "PLTR", "twelve data"]
    assert gappy.missing == 322  # of 588 sessions: a month of each quarter, and more
    assert gappy.sessions == 266
    assert bars[Interval.FIVE_MINUTES, "ES", "es 5-minute"].missing == 0
    assert bars[Interval.DAY, "USDJPY", "metatrader"].missing < 40  # its days are named by their end
    shelves = {(row.shelf, row.name, row.source): row for row in found.shelves}
    assert shelves["indices", "VX8", "cfe settlements"].last == date(2017, 5, 11)
    assert ("social", "GME", "reddit wsb hourly") in shelves
    assert {row.shelf for row in found.shelves} == {"indices", "rates", "actions", "social", "posts", "trends"}


@pytest.mark.data
def test_the_picture_fits_a_hundred_columns(store_dir: Path) -> None:
    from io import StringIO

    from rich.console import Console

    page = Console(file=StringIO(), width=100, highlight=False, markup=False)
    page.print(covered(coverage(Store(store_dir))))
    assert isinstance(page.file, StringIO)
    text = page.file.getvalue()
    assert max(map(len, text.splitlines())) <= 100
    spx = next(line for line in text.splitlines() if "spx-2019" in line)
    assert {"41", "2019-04-25", "06-28"} <= set(spx.split())
    lines = text.splitlines()
    holes = " ".join(line[-20:].strip() for line in lines[lines.index(spx) : lines.index(spx) + 3])
    assert holes.startswith("5: 2019-05-10, 05-17, 06-14 to 06-18"), "every hole is told whole"
    for word in ("Chains", "Bars", "Other", "eod-2026", "78%", "google trends daily"):
        assert word in text
    assert "…" not in text  # nothing is cut short
