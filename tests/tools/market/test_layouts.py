"""Every layout of the recorded data: what went in, what came out and why the rest did not; and no look ahead in any."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tools import sessions
from tools.market.importers.importing import LAYOUTS, ImportReport, import_path
from tools.market.store import Store

pytestmark = pytest.mark.data

BARS_OF_SPX = "5min_spx_ndx_usdjpy_histdata_2018H1_2019.parquet"
# layout: (into, rows, stored, dropped, added), summed over its files
EXPECTED: dict[str, tuple[str, int, int, dict[str, int], dict[str, int]]] = {
    "adjusted-closes": ("reference", 107865, 107865, {}, {}),
    "cboe-daily": ("spx-2019", 569184, 566092, {"expired": 3092}, {}),
    "cboe-quote-table": ("cboe-2022", 165946, 164238, {"expired": 1708}, {}),
    "cboe-vix": ("reference", 9235, 9202, {"not a session since 1990": 33}, {}),
    "cboe-vix-terms": ("reference", 17757, 17757, {}, {}),
    "close-chains": ("eod-2026", 2842832, 2763454, {"expired": 79378}, {}),
    "close-chains-thin": ("thin-2021", 3760, 3760, {}, {}),
    "es-5min": ("reference", 13768, 13768, {}, {}),
    "fred-yields": ("reference", 6820, 47583, {"day without yields": 1533}, {"tenors of one day": 42296}),
    "global-etfs": ("reference", 27771, 27771, {}, {}),
    "histdata-5min": ("reference", 317573, 317573, {}, {}),
    "ibkr-5min": ("reference", 192287, 192287, {}, {}),
    "lean-5min-quotes": ("lean-5min-2015", 81801, 93888, {"expired": 352}, {"unchanged quote carried on": 12439}),
    "lean-daily": ("reference", 45942, 45080, {"another company's": 862}, {}),
    "lean-factors": ("reference", 295, 287, {"no action": 8}, {}),
    "lean-futures-options": ("es-2020-01", 55122, 58650, {}, {"unchanged quote carried on": 3528}),
    "lean-hourly-quotes": ("lean-hourly-2014", 16161, 16287, {"expired": 172}, {"unchanged quote carried on": 298}),
    "lean-minute-quotes": ("lean-minute-2021", 26507, 27347, {"expired": 192}, {"unchanged quote carried on": 1032}),
    "lean-spy-hourly": ("reference", 40832, 40832, {}, {}),
    "spy-1min": ("reference", 102236, 102236, {}, {}),
    "stocknet-prices": ("reference", 71115, 71113, {"no sound prices": 2}, {}),
    "stocknet-tweets": ("reference", 72284, 118376, {"duplicate": 42}, {"counts of a ticker's day": 46134}),
    "tradingview-5min": ("reference", 60407, 60407, {}, {}),
    "trends-brands": ("reference", 1757, 1757, {}, {}),
    "trends-daily": ("reference", 434801, 434801, {}, {}),
    "trends-weekly": ("reference", 490158, 490158, {}, {}),
    "twelve-data-5min": ("reference", 40852, 40852, {}, {}),
    "usdjpy-daily": ("reference", 2400, 2400, {}, {}),
    "usdjpy-hourly": ("reference", 57600, 57600, {}, {}),
    "vix-futures": ("reference", 3305, 23102, {"no sound prices": 111}, {"maturities of one day": 19908}),
    "wsb-comments": ("reference", 2100, 1800, {"duplicate": 300}, {}),
    "wsb-daily": ("reference", 5733, 5310, {"duplicate": 423}, {}),
    "wsb-hourly": ("reference", 7536, 9519, {"bar copied from the hour before": 5553}, {"bar of an hour": 7536}),
    "wsb-posts-dated": ("reference", 19619, 19619, {}, {}),
    "wsb-posts-stamped": ("reference", 5110, 5110, {}, {}),
    "wsb-texts": ("reference", 3400, 3400, {}, {}),
    "yahoo-1min": ("reference", 146705, 141628, {"duplicate": 5074, "no sound prices": 3}, {}),
    "yahoo-5min": ("reference", 14033, 14033, {}, {}),
    "yahoo-cboe-greeks": ("greeks-2026-07", 120773, 120773, {}, {}),
    "yahoo-chains": ("yahoo-2025-11", 208567, 207851, {"expired": 716}, {}),
    "yahoo-chains-utc": ("yahoo-2020-10", 7508, 7308, {"expired": 200}, {}),
    "yahoo-daily": ("reference", 56278, 39653, {"not a session since 1990": 16625}, {}),
    "yahoo-hourly": ("reference", 52112, 47460, {"30-minute bar": 4652}, {}),
    "yahoo-names": ("reference", 157118, 157118, {}, {}),
    "yahoo-vix": ("reference", 24111, 24110, {"not a session since 1990": 1}, {}),
}


def test_every_layout_gives_what_it_should(imported: tuple[Path, ImportReport]) -> None:
    found: dict[str, tuple[str, int, int, dict[str, int], dict[str, int]]] = {}
    for file in imported[1].files:
        if file.layout is None:
            continue
        into, rows, stored, dropped, added = found.get(file.layout, (file.into, 0, 0, {}, {}))
        for counts, more in ((dropped, file.dropped), (added, file.added)):
            for reason, count in more:
                counts[reason] = counts.get(reason, 0) + count
        found[file.layout] = (into, rows + file.rows, stored + file.stored, dropped, added)
    assert found == EXPECTED
    assert set(EXPECTED) == {layout.name for layout in LAYOUTS}


def test_no_file_of_prices_rates_or_posts_is_skipped(imported: tuple[Path, ImportReport], shared_data: Path) -> None:
    skipped = {file.name for file in imported[1].files if file.status == "skipped"}
    for folder in ("options", "bars", "vol_rates", "social"):
        assert not skipped & {path.name for path in (shared_data / folder).rglob("*.parquet")}


def _rows(store: Store, name: str, until: datetime) -> dict[str, pl.DataFrame]:
    """What an imported file gave, by folder, as far as it was known at a moment."""
    (origin,) = {entry["origin"] for entry in store.manifest().values() if entry["name"] == name}
    found: dict[str, list[pl.DataFrame]] = {}
    for path in (*store.folder.rglob(f"{origin}.parquet"), *store.folder.rglob(f"[0-9]*.{origin}.parquet")):
        known = pl.read_parquet(path).filter(pl.col("known_at") <= until)
        if known.height:
            found.setdefault(str(path.parent.relative_to(store.folder)), []).append(known)
    return {folder: (rows := pl.concat(parts)).sort(rows.columns) for folder, parts in found.items()}


@pytest.mark.parametrize("layout", [layout.name for layout in LAYOUTS])
def test_a_file_cut_at_a_moment_gives_what_was_known_by_then(
    shared_data: Path, imported: tuple[Path, ImportReport], tmp_path: Path, layout: str
) -> None:
    """Rows of the file from after a moment change nothing that was known a day before it (of one day's file: by it)."""
    name = min((file.name for file in imported[1].files if file.layout == layout), key=len)
    (path,) = shared_data.rglob(name)
    raw = pl.read_parquet(path)
    stamp = next(column for column in raw.columns if column in STAMPS)
    days: Any = raw[stamp]
    if days.dtype == pl.Int64:
        days = days.cast(pl.String).str.to_datetime("%Y%m%d")
    middle = days.unique().sort()[days.n_unique() * 3 // 4]
    within = days.dt.date().n_unique() <= 2  # all such files are in New York time
    until = (
        middle.replace(tzinfo=sessions.NEW_YORK).astimezone(UTC)
        if within
        else middle.replace(tzinfo=UTC) - timedelta(days=1)
    )
    cut = tmp_path / name
    kept = days <= middle
    if layout == "lean-factors":  # a factor file of that day closed with the factors that hold since
        kept |= kept.shift(1).fill_null(False)
    raw.filter(kept).write_parquet(cut)
    store = Store(tmp_path / "store")
    if layout == "cboe-daily":
        import_path(shared_data / "bars" / BARS_OF_SPX, store.folder)
    import_path(cut, store.folder)
    whole, past = (_rows(held, name, until) for held in (Store(imported[0]), store))
    assert whole or layout in WINDOWS, "a cut that keeps nothing proves nothing"
    assert whole.keys() == past.keys()
    for folder, rows in whole.items():
        assert rows.equals(past[folder]), folder


STAMPS = ("quote_ts", "ts", "hour", "created_utc", "created_at", "date")
WINDOWS = ("trends-weekly",)  # one window: nothing of it is known before its end


def test_nothing_of_a_trends_export_is_known_before_its_window_has_ended(imported: tuple[Path, ImportReport]) -> None:
    lazy = Store(imported[0]).rows("trends")
    assert lazy is not None
    rows = lazy.with_columns(end=pl.col("window").str.slice(12).str.to_date())
    early = rows.filter(pl.col("known_at").dt.convert_time_zone("America/New_York").dt.date() <= pl.col("end"))
    assert early.collect().height == 0
    peaks = rows.filter(pl.col("source") == "google trends daily").group_by("term", "window")
    assert set(peaks.agg(pl.col("interest").max()).collect()["interest"]) == {100.0}
