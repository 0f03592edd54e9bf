"""Importing: every first layout, what is dropped and why, and that the same content is never imported twice."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from shutil import copy

import numpy as np
import polars as pl
import pytest

from domain.errors import BadInput
from domain.market import Absent, Interval
from tools import sessions
from tools.market.importers import cboe_daily, fred
from tools.market.importers.importing import LAYOUTS, ImportReport, import_path
from tools.market.store import Store

SPX_FILE = "spx_cboe_eod_2019-04-25_2019-06-28.parquet"
SPX_BARS = "5min_spx_ndx_usdjpy_histdata_2018H1_2019.parquet"


def naive(text: str) -> datetime:
    """A vendor's New York wall time, without zone as in its file."""
    return datetime.fromisoformat(text)


def option_rows(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "quote_ts": naive("2026-02-12 12:59"),
        "underlying": "SPY",
        "underlying_price": 690.0,
        "root": "SPY",
        "expiration": naive("2026-03-20"),
        "strike": 690.0,
        "right": "C",
        "bid": 1.0,
        "ask": 1.1,
        "last": 1.05,
        "volume": 5.0,
        "open_interest": 10.0,
        "iv": 0.2,
        "last_trade_ts": naive("2026-02-12 17:59"),
    }
    return row | changes


def yahoo_file(folder: Path, *rows: dict[str, object], name: str = "yahoo_chain_snapshots_x.parquet") -> Path:
    path = folder / name
    pl.DataFrame(list(rows), infer_schema_length=None).write_parquet(path)
    return path


def test_rows_are_dropped_by_reason_and_facts_stay(tmp_path: Path) -> None:
    report = import_path(
        yahoo_file(
            tmp_path,
            option_rows(),
            option_rows(),  # duplicate
            option_rows(strike=691.0, bid=0.0, ask=0.0, last=0.0, iv=1e-5, volume=None),
            option_rows(strike=692.0, bid=2.0, ask=1.0),  # crossed: a fact, judged later
            option_rows(strike=None),
            option_rows(expiration=naive("2026-02-11")),  # settled yesterday
            option_rows(quote_ts=naive("2026-02-16 12:00")),  # Presidents' Day: a copy of Friday
        ),
        tmp_path / "store",
    )
    (file,) = report.files
    assert (file.status, file.into, file.rows, file.stored) == ("imported", "yahoo-2026-02", 7, 3)
    dropped = {"no contract terms": 1, "not a session": 1, "expired": 1, "duplicate": 1}
    assert dict(file.dropped) == dropped
    rows = Store(tmp_path / "store").chains("yahoo-2026-02", "SPY").collect()
    assert rows["strike"].to_list() == [690.0, 691.0, 692.0]
    assert rows["bid"].to_list() == [1.0, 0.0, 2.0]
    assert rows["ask"].to_list() == [1.1, None, 1.0]
    assert rows["vendor_iv"].to_list() == [0.2, None, 0.2]
    assert rows["last"].to_list() == [1.05, None, 1.05]
    assert set(rows["known_at"]) == {datetime(2026, 2, 12, 17, 59, tzinfo=UTC)}
    assert set(rows["settles_at"]) == {datetime(2026, 3, 20, 20, 0, tzinfo=UTC)}


def test_importing_again_does_nothing_and_more_days_join(tmp_path: Path) -> None:
    store = tmp_path / "store"
    first = yahoo_file(tmp_path, option_rows())
    import_path(first, store)
    assert import_path(first, store).files[0].status == "unchanged"
    renamed = copy(first, tmp_path / "yahoo_chain_renamed.parquet")
    assert import_path(Path(renamed), store).files[0].status == "unchanged"
    later = option_rows(quote_ts=naive("2026-02-12 14:00"))
    report = import_path(yahoo_file(tmp_path, option_rows(bid=9.0), later, name="yahoo_chain_b.parquet"), store)
    assert report.files[0].stored == 1
    assert dict(report.files[0].dropped) == {"held already from another file": 1}
    rows = Store(store).chains("yahoo-2026-02", "SPY").collect()
    assert rows["bid"].to_list() == [1.0, 1.0]


def test_an_import_that_was_cut_off_is_forgotten_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after the rows were written and before the manifest was: the next import counts them as new."""
    store = tmp_path / "store"
    file = yahoo_file(tmp_path, option_rows(), option_rows(strike=700.0))
    with monkeypatch.context() as broken:
        broken.setattr(Store, "save_manifest", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            import_path(file, store)
    assert Store(store).sets() == ("yahoo-2026-02",)
    (done,) = import_path(file, store).files
    assert (done.status, done.stored, done.dropped) == ("imported", 2, ())
    assert list(store.glob(".import-*")) == []


def test_what_is_unknown_is_skipped_with_its_reason(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    pl.DataFrame({"a": [1]}).write_parquet(data / "strange.parquet")
    pl.DataFrame([option_rows()]).drop("iv").write_parquet(data / "yahoo_chain_short.parquet")
    report = import_path(data, tmp_path / "store")
    assert [file.status for file in report.files] == ["skipped", "skipped"]
    assert report.files[0].note.startswith("no known layout has this name and these columns; --as")
    assert report.files[1].note == "named like yahoo-chains, but lacks iv"
    (data / "notes.txt").write_text("hello")
    assert import_path(data / "notes.txt", tmp_path / "store").files[0].note.startswith("not a Parquet file; --as")


def test_bad_input_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no file"):
        import_path(tmp_path / "nowhere", tmp_path / "store")
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 not really")
    with pytest.raises(BadInput, match="cannot be read"):
        import_path(broken, tmp_path / "store")
    with pytest.raises(BadInput, match="every row was dropped"):
        import_path(yahoo_file(tmp_path, option_rows(strike=None)), tmp_path / "store")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "manifest.json").write_text('{"version": 0, "files": {}}')
    with pytest.raises(BadInput, match="layout version 0"):
        import_path(yahoo_file(tmp_path, option_rows()), tmp_path / "old")


def test_yields_are_known_after_the_next_session() -> None:
    assert fred.known_at(date(2026, 2, 12)) == datetime(2026, 2, 13, 21, 15, tzinfo=UTC)
    assert fred.known_at(date(2026, 2, 13)) == datetime(2026, 2, 17, 21, 15, tzinfo=UTC)  # over Presidents' Day


def test_a_stated_time_is_the_latest_bar_that_fits() -> None:
    day = date(2019, 5, 21)
    starts = [sessions.new_york(day, hour, minute) for hour, minute in ((10, 0), (14, 30), (15, 20), (15, 25), (17, 0))]
    bars = pl.DataFrame({"start": starts, "low": [99.0] * 5, "high": [101.0, 101.0, 101.0, 99.5, 101.0]})
    bars = bars.with_columns(pl.col("start").cast(pl.Datetime("us", "UTC")))
    assert cboe_daily.stated_time(day, 100.0, bars) == (starts[2], 50 * 60 + 300, True)
    assert cboe_daily.stated_time(day, 100.0, bars.head(1)) == (starts[0], 300, True)
    default = sessions.new_york(day, 15, 45)
    assert cboe_daily.stated_time(day, 200.0, bars) == (default, 6 * 3600 + 15 * 60, False)


@pytest.mark.data
def test_every_first_layout_is_imported(imported: tuple[Path, ImportReport]) -> None:
    store_dir, report = imported
    done = {file.layout: file for file in report.files if file.status == "imported"}
    assert set(done) == {layout.name for layout in LAYOUTS}
    assert (done["cboe-daily"].rows, done["cboe-daily"].into) == (569184, "spx-2019")
    assert done["cboe-quote-table"].into == "cboe-2022"
    for file in report.files:
        if file.status == "imported":
            lost, made = (sum(count for _, count in pairs) for pairs in (file.dropped, file.added))
            assert file.stored == file.rows - lost + made, file.name
    store = Store(store_dir)
    assert {"spx-2019", "yahoo-2026-02", "cboe-2022"} <= set(store.sets())
    assert len(store.chain_days("spx-2019", "SPX")) == 41
    quoted = [
        (ticker, day)
        for ticker in store.tickers("cboe-2022")
        for day in store.chain_days("cboe-2022", ticker)
        if len(store.chain_moments("cboe-2022", ticker, day)) == 1
    ]
    assert len(quoted) == 11


@pytest.mark.data
def test_importing_everything_again_is_a_no_op(shared_data: Path, imported: tuple[Path, ImportReport]) -> None:
    store_dir, first = imported
    before = {path: path.stat().st_mtime_ns for path in store_dir.rglob("*.parquet")}
    again = import_path(shared_data, store_dir)
    assert again.count("imported") == 0
    assert again.count("unchanged") == first.count("imported")
    assert {path: path.stat().st_mtime_ns for path in store_dir.rglob("*.parquet")} == before


@pytest.mark.data
def test_stated_times_of_spx_2019(store_dir: Path) -> None:
    """Latest compatible time 14:05 to 16:10 New York on every day but 04-25, which was taken at 10:55."""
    store = Store(store_dir)
    times = {}
    for day in store.chain_days("spx-2019", "SPX"):
        (moment,) = store.chain_moments("spx-2019", "SPX", day)
        times[day] = moment.astimezone(sessions.NEW_YORK)
    assert times.pop(date(2019, 4, 25)).strftime("%H:%M") == "10:55"
    said = {moment.strftime("%H:%M") for moment in times.values()}
    assert min(said) == "14:05"
    assert max(said) == "16:10"


@pytest.mark.data
def test_a_chain_without_its_bars_is_stated_by_default_and_renewed_when_they_come(
    shared_data: Path, tmp_path: Path
) -> None:
    rows = pl.read_parquet(shared_data / "options" / SPX_FILE)
    small = tmp_path / SPX_FILE
    rows.filter(pl.col("quote_ts") == naive("2019-05-22")).write_parquet(small)
    store = Store(tmp_path / "store")
    report = import_path(small, store.folder)
    assert "2019-05-22 stated as 15:45" in report.files[0].note
    (moment,) = store.chain_moments("spx-2019", "SPX", date(2019, 5, 22))
    assert moment == datetime(2019, 5, 22, 19, 45, tzinfo=UTC)
    import_path(shared_data / "bars" / SPX_BARS, store.folder)
    assert import_path(small, store.folder).files[0].status == "imported"
    renewed = store.chains("spx-2019", "SPX").collect()
    assert renewed["quoted_at"].unique().to_list() == [datetime(2019, 5, 22, 19, 50, tzinfo=UTC)]
    assert renewed.height == 13522
    assert import_path(small, store.folder).files[0].status == "unchanged"


@pytest.mark.data
def test_every_row_of_the_store_has_its_moment(store_dir: Path) -> None:
    for file in store_dir.rglob("*.parquet"):
        assert pl.scan_parquet(file).select(pl.col("known_at").is_null().sum()).collect().item() == 0, file


@pytest.mark.data
def test_raw_bars_break_at_every_split(store_dir: Path) -> None:
    """No unbroken run of daily bars holds a jump that a split would make."""
    from tools.market import reference, series

    store = Store(store_dir)
    for ticker in ("SPY", "QQQ", "IWM", "AAPL", "GOOG", "EEM", "USO", "BAC", "NVDA", "SPX", "NDX"):
        lazy = store.bars(ticker, Interval.DAY)
        assert lazy is not None
        for source in series.sources(lazy.collect(), reference.SPLITS.get(ticker, ())):
            left = len(source.bars.start)
            while left:
                last = datetime.fromtimestamp(int(source.bars.known_at[left - 1]), UTC)
                run = series.select((source,), ticker, Interval.DAY, "bars", last, left)
                assert not isinstance(run, Absent)
                opened = np.where(np.isfinite(run.open), run.open, run.close)
                jumps = abs(opened[1:] / run.close[:-1] - 1)
                assert jumps.max(initial=0) < 0.495, (ticker, source.name, last)
                left -= len(run)
