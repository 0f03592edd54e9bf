"""Files of any columns, imported by a map: what is read, what is refused, and that nothing half-written stays."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from domain.errors import BadInput
from domain.market import Interval, OptionChain, Quotes
from tools.market.importers.column_map import read_map
from tools.market.importers.importing import ImportedFile
from tools.market.importers.mapped import import_mapped
from tools.market.recorded import RecordedMarket
from tools.market.store import Store

CHAIN_MAP = (
    "ticker==SPY",
    "quoted_at=QuoteTime",
    "expiry=Exp",
    "strike=K",
    "right=Type",
    "bid=Bid",
    "ask=Ask",
    "vendor_iv=IV",
)
HEAD = "QuoteTime,Exp,K,Type,Bid,Ask,IV"
GOOD = (
    "2026-02-12 12:59,2026-03-20,690,call,1.00,1.10,0.2",
    '2026-02-12 12:59,2026-03-20,"1,690",PUT,0,$1.30,0.21',
    "2026-02-12 12:59,2026-03-20,695,p,,1.5,",
)


def csv(folder: Path, *lines: str, name: str = "mine.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


def bring(path: Path, store: Path, shape: str, said: tuple[str, ...], set_name: str | None = None) -> ImportedFile:
    (file,) = import_mapped(path, store, read_map(shape, said), set_name).files
    return file


def test_a_chain_of_ones_own_can_be_traded_on(tmp_path: Path) -> None:
    store = tmp_path / "store"
    file = bring(csv(tmp_path, HEAD, *GOOD), store, "chains", CHAIN_MAP, "mine")
    assert (file.status, file.into, file.rows, file.stored, file.layout) == ("imported", "mine", 3, 3, "map-chains")
    market = RecordedMarket(store, "mine")
    chain = market._load_chain("SPY", date(2026, 2, 12), datetime(2026, 2, 12, 17, 59, tzinfo=UTC))
    assert isinstance(chain, OptionChain)
    assert (chain.quotes, chain.source) == (Quotes.MARKET, "mine.csv")
    assert chain.strike.tolist() == [690.0, 695.0, 1690.0]
    assert chain.is_call.tolist() == [True, False, False]
    assert chain.ask.tolist() == [1.1, 1.5, 1.3]
    assert chain.bid[2] == 0.0
    assert chain.vendor_iv[0] == 0.2
    assert bring(tmp_path / "mine.csv", store, "chains", CHAIN_MAP, "mine").status == "unchanged"


def test_occ_symbols_stand_for_the_terms(tmp_path: Path) -> None:
    path = tmp_path / "occ.parquet"
    moment = datetime(2026, 2, 11, 17, 0, tzinfo=UTC)
    symbols = ["SPY260213C00690000", "O:SPY260213P00700500"]
    pl.DataFrame({"s": symbols, "t": [moment, moment], "l": [1.0, 2.0]}).write_parquet(path)
    said = ("ticker==SPY", "symbol=s", "quoted_at=t", "last=l")
    bring(path, tmp_path / "store", "chains", said, "occ")
    rows = Store(tmp_path / "store").chains("occ", "SPY").collect()
    assert rows.select("root", "strike", "is_call").rows() == [("SPY", 690.0, True), ("SPY", 700.5, False)]
    assert set(rows["expiry"]) == {date(2026, 2, 13)}
    pl.DataFrame({"s": ["nonsense"], "t": [moment], "l": [1.0]}).write_parquet(path)
    with pytest.raises(BadInput, match="'NONSENSE'"):
        bring(path, tmp_path / "store", "chains", said, "occ")


def test_a_date_alone_needs_a_stated_time_and_half_days_end_early(tmp_path: Path) -> None:
    """2025-11-28 closed at 13:00, so quotes of the close at 16:15 on other days are of 13:15 on it."""
    lines = [f"{day},2026-03-20,690,C,1,1.1,0.2" for day in ("2025-11-26", "2025-11-28")]
    path = csv(tmp_path, HEAD, *lines)
    with pytest.raises(BadInput, match=r"QuoteTime.*dates without a time.*--map stated=16:00"):
        bring(path, tmp_path / "store", "chains", CHAIN_MAP, "days")
    zulu = csv(tmp_path, HEAD, *(line.replace(",", "T00:00:00Z,", 1) for line in lines), name="z.csv")
    with pytest.raises(BadInput, match="dates without a time"):
        bring(zulu, tmp_path / "store", "chains", CHAIN_MAP, "days")
    written_out = csv(tmp_path, HEAD, *(line.replace(",", "T00:00:00.000,", 1) for line in lines), name="t.csv")
    with pytest.raises(BadInput, match="dates without a time"):
        bring(written_out, tmp_path / "store", "chains", CHAIN_MAP, "days")
    assert Store(tmp_path / "store").sets() == ()
    for stated, moments, closing in (
        ("16:00", [datetime(2025, 11, 26, 21, 0, tzinfo=UTC), datetime(2025, 11, 28, 18, 0, tzinfo=UTC)], False),
        ("16:15", [datetime(2025, 11, 26, 21, 15, tzinfo=UTC), datetime(2025, 11, 28, 18, 15, tzinfo=UTC)], True),
    ):
        bring(path, tmp_path / "store", "chains", (*CHAIN_MAP, f"stated={stated}", "uncertainty_s=600"), "days")
        rows = Store(tmp_path / "store").chains("days", "SPY").collect().sort("known_at")
        assert rows["known_at"].to_list() == moments  # the new map took the place of the old
        assert set(rows["closing"]) == {closing}
        assert set(rows["uncertainty_s"]) == {600}


@pytest.mark.parametrize(
    ("stamp", "said", "moment"),
    [
        ("2026-07-10T15:00:00Z", (), datetime(2026, 7, 10, 15, 0, tzinfo=UTC)),
        ("2026-07-10T11:00:00-04:00", (), datetime(2026, 7, 10, 15, 0, tzinfo=UTC)),
        ("2026-07-10 16:00", ("zone=Europe/London",), datetime(2026, 7, 10, 15, 0, tzinfo=UTC)),
        ("10/07/2026 11:00", ("format=%d/%m/%Y %H:%M",), datetime(2026, 7, 10, 15, 0, tzinfo=UTC)),
        ("1783695600", ("format=epoch",), datetime(2026, 7, 10, 15, 0, tzinfo=UTC)),
        ("1783695600000", ("format=epoch_ms",), datetime(2026, 7, 10, 15, 0, tzinfo=UTC)),
        ("10/07/2026", ("format=%d/%m/%Y", "stated=11:00"), datetime(2026, 7, 10, 15, 0, tzinfo=UTC)),
    ],
)
def test_moments_are_read_as_they_are_written(
    tmp_path: Path, stamp: str, said: tuple[str, ...], moment: datetime
) -> None:
    path = csv(tmp_path, HEAD, f"{stamp},2026-09-18,690,C,1,1.1,0.2")
    bring(path, tmp_path / "store", "chains", (*CHAIN_MAP, *said), "m")
    (found,) = Store(tmp_path / "store").chains("m", "SPY").collect()["quoted_at"]
    assert found == moment


def test_percents_are_told_from_decimals(tmp_path: Path) -> None:
    path = csv(tmp_path, HEAD, "2026-02-12 12:59,2026-03-20,690,C,1,1.1,20.5%")
    with pytest.raises(BadInput, match="--map iv_unit=percent"):
        bring(path, tmp_path / "store", "chains", CHAIN_MAP, "iv")
    bring(path, tmp_path / "store", "chains", (*CHAIN_MAP, "iv_unit=percent"), "iv")
    assert Store(tmp_path / "store").chains("iv", "SPY").collect()["vendor_iv"].to_list() == [0.205]


def test_delay_is_said_and_never_inferred(tmp_path: Path) -> None:
    path = csv(tmp_path, f"{HEAD},Seen", "2026-02-12 12:59,2026-03-20,690,C,1,1.1,0.2,2026-02-12 13:14")
    bring(path, tmp_path / "store", "chains", (*CHAIN_MAP, "known_at=Seen"), "seen")
    assert Store(tmp_path / "store").chains("seen", "SPY").collect()["delayed"].to_list() == [False]
    with pytest.raises(BadInput, match="delayed quotes need the moment"):
        bring(path, tmp_path / "none", "chains", (*CHAIN_MAP, "delayed=true"), "none")
    bring(path, tmp_path / "late", "chains", (*CHAIN_MAP, "known_at=Seen", "delayed=true"), "late")
    rows = Store(tmp_path / "late").chains("late", "SPY").collect()
    assert rows["known_at"].to_list() == [datetime(2026, 2, 12, 18, 14, tzinfo=UTC)]
    assert rows["delayed"].to_list() == [True]
    early = csv(tmp_path, f"{HEAD},Seen", "2026-02-12 12:59,2026-03-20,690,C,1,1.1,0.2,2026-02-12 12:00", name="e.csv")
    with pytest.raises(BadInput, match="known before they were quoted"):
        bring(early, tmp_path / "store", "chains", (*CHAIN_MAP, "known_at=Seen"), "early")


def test_the_result_says_from_when_the_quotes_are_so_that_a_wrong_zone_shows(tmp_path: Path) -> None:
    path = csv(tmp_path, HEAD, *GOOD)
    right = bring(path, tmp_path / "a", "chains", CHAIN_MAP, "right").note
    assert "quoted 2026-02-12 12:59" in right
    assert "outside" not in right
    wrong = bring(path, tmp_path / "b", "chains", (*CHAIN_MAP, "zone=Asia/Tokyo"), "wrong").note
    assert "outside the session: is the zone right?" in wrong


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("2026-02-12 12:59,2026-03-20,abc,C,1,1.1,0.2", r"column 'K' \(strike\): 1 of 4 .* no number.*'abc' in row 5"),
        ("2026-02-12 12:59,soon,690,C,1,1.1,0.2", r"column 'Exp' \(expiry\).*'soon'.*--map day_format"),
        ("12.2.2026,2026-03-20,690,C,1,1.1,0.2", r"column 'QuoteTime' \(quoted_at\).*'12.2.2026'.*--map format"),
        ("2026-02-12 12:59,2026-03-20,690,straddle,1,1.1,0.2", r"column 'Type' \(right\).*'straddle'"),
    ],
)
def test_a_value_that_cannot_be_read_is_named_and_nothing_stays(tmp_path: Path, line: str, match: str) -> None:
    store = tmp_path / "store"
    with pytest.raises(BadInput, match=match):
        bring(csv(tmp_path, HEAD, *GOOD, line), store, "chains", CHAIN_MAP, "bad")
    assert list(store.rglob("*.parquet")) == []
    assert Store(store).manifest() == {}


def test_a_column_of_another_kind_is_named(tmp_path: Path) -> None:
    path = tmp_path / "kinds.parquet"
    pl.DataFrame({"n": ["VXN"], "d": [date(2026, 2, 12)], "c": [[1.0, 2.0]]}).write_parquet(path)
    with pytest.raises(BadInput, match=r"column 'c' \(close\): a List\(Float64\) is no number"):
        bring(path, tmp_path / "store", "indices", ("name=n", "day=d", "close=c"))


def test_a_failed_import_in_place_of_another_leaves_the_other(tmp_path: Path) -> None:
    path, store = csv(tmp_path, HEAD, *GOOD), tmp_path / "store"
    bring(path, store, "chains", CHAIN_MAP, "mine")
    with pytest.raises(BadInput, match="--map format"):
        bring(path, store, "chains", (*CHAIN_MAP, "format=%d.%m.%Y"), "mine")
    assert Store(store).chains("mine", "SPY").collect().height == 3
    assert bring(path, store, "chains", CHAIN_MAP, "mine").status == "unchanged"


def test_a_replacement_cut_off_before_the_old_rows_are_gone_is_finished_by_the_next_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, store = csv(tmp_path, HEAD, *GOOD), tmp_path / "store"
    bring(path, store, "chains", CHAIN_MAP, "mine")
    renamed = (*CHAIN_MAP, "source=renamed")
    with monkeypatch.context() as broken:
        broken.setattr(Store, "drop_origin", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            bring(path, store, "chains", renamed, "mine")
    assert Store(store).chains("mine", "SPY").collect().height == 6  # both stand
    assert bring(path, store, "chains", renamed, "mine").status == "unchanged"
    rows = Store(store).chains("mine", "SPY").collect()
    assert (rows.height, set(rows["source"])) == (3, {"renamed"})


def test_a_file_is_read_in_parts_and_gives_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"2026-02-{day} 12:{minute:02},2026-03-20,690,C,1,1.1,0.2" for day in (11, 12) for minute in range(9)]
    path = csv(tmp_path, HEAD, *lines)
    bring(path, tmp_path / "whole", "chains", CHAIN_MAP, "s")
    monkeypatch.setattr("tools.market.importers.mapped.PART_ROWS", 4)
    bring(path, tmp_path / "parts", "chains", CHAIN_MAP, "s")
    whole, parts = (Store(tmp_path / name).chains("s", "SPY").collect() for name in ("whole", "parts"))
    assert whole.height == 18
    assert whole.equals(parts)


@pytest.mark.parametrize(
    ("shape", "said", "match"),
    [
        ("spreads", (), "chains, bars, indices, rates, social; not as 'spreads'"),
        ("chains", ("strke=K",), r"names 'strke', which chains don't have"),
        ("chains", ("ticker==SPY", "bid=Bid"), r"lacks quoted_at, expiry, strike, right \(or symbol"),
        ("chains", CHAIN_MAP[:-3], "at least one of bid, ask, last, vendor_iv"),
        ("chains", (*CHAIN_MAP, "stated=noon"), "the map's stated is 'noon'"),
        ("chains", (*CHAIN_MAP, "zone=Mars/Olympus"), "the map's zone is 'Mars/Olympus'"),
        ("chains", (*CHAIN_MAP, "iv_unit=points"), "decimal .unless set. or percent"),
        ("bars", ("ticker=t", "start=s", "close=c"), "--map interval="),
        ("bars", ("ticker=t", "start=s", "close=c", "open=o", "interval=1d"), "come together or not at all"),
        ("bars", ("ticker=t", "start=s", "close=c", "interval=1d", "adjusted=maybe"), "true or false"),
        ("social", ("ticker=t", "start=s", "mentions=m", "interval=5m"), "interval=1h or 1d"),
        ("rates", ("day=d", "0.25=x"), "yield_unit=percent or decimal"),
        ("rates", ("day=d", "yield=x", "yield_unit=percent"), "either tenor and yield"),
        ("indices", ("nowhere.toml",), "neither ours=theirs nor a TOML file"),
    ],
)
def test_a_map_that_says_too_little_or_nonsense_is_refused(shape: str, said: tuple[str, ...], match: str) -> None:
    with pytest.raises(BadInput, match=match):
        read_map(shape, said)


def test_what_the_file_lacks_is_said_with_what_it_has(tmp_path: Path) -> None:
    path = csv(tmp_path, "QuoteTime,Exp", "x,y")
    with pytest.raises(BadInput, match=r"takes strike from 'K', which mine\.csv has not; its columns: QuoteTime, Exp"):
        bring(path, tmp_path / "store", "chains", CHAIN_MAP, "s")
    with pytest.raises(BadInput, match="--set NAME"):
        bring(path, tmp_path / "store", "chains", CHAIN_MAP)
    with pytest.raises(BadInput, match="can't name a set"):
        bring(path, tmp_path / "store", "chains", CHAIN_MAP, "../up")
    with pytest.raises(BadInput, match="there is no file"):
        bring(tmp_path / "none.csv", tmp_path / "store", "chains", CHAIN_MAP, "s")
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 no")
    with pytest.raises(BadInput, match="cannot be read as Parquet"):
        bring(broken, tmp_path / "store", "chains", CHAIN_MAP, "s")


def test_bars_daily_and_within_the_day(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    said = tuple(f"{name}={name[0]}" for name in ("open", "high", "low", "close"))
    days = csv(tmp_path, "d,o,h,l,c", "2026-02-12,1,3,1,2", "2026-02-14,1,3,1,2", "2026-02-13,1,1,2,3")
    file = bring(days, store.folder, "bars", ("ticker==XYZ", "start=d", *said, "interval=1d"))
    assert dict(file.dropped) == {"not a session since 1990": 1, "no sound prices": 1}
    daily = store.bars("XYZ", Interval.DAY)
    assert daily is not None
    row = daily.collect().row(0, named=True)
    assert row["known_at"] == datetime(2026, 2, 12, 21, 15, tzinfo=UTC)
    assert (row["close"], row["volume"], row["adjusted"], row["source"]) == (2.0, None, False, "mine.csv")
    minutes = csv(tmp_path, "d,o,h,l,c", "2026-02-12 15:58,1,3,1,2", name="five.csv")
    said = ("ticker==XYZ", "start=d", *said, "interval=5m", "adjusted=true", "source=my own")
    bring(minutes, store.folder, "bars", said)
    within = store.bars("XYZ", Interval.FIVE_MINUTES)
    assert within is not None
    row = within.collect().row(0, named=True)
    assert row["known_at"] == datetime(2026, 2, 12, 21, 0, tzinfo=UTC)  # the close cuts it short
    assert (row["adjusted"], row["source"]) == (True, "my own")
    with pytest.raises(BadInput, match="every row was dropped"):
        bring(csv(tmp_path, "d,o,h,l,c", "2026-02-12 15:58,1,1,2,3", name="no.csv"), store.folder, "bars", said)


def test_indices_rates_and_counts(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    index = csv(tmp_path, "n,d,c", "VXN,20260212,21.5", name="i.csv")
    bring(index, store.folder, "indices", ("name=n", "day=d", "close=c"))
    rows = store.rows("indices", "VXN")
    assert rows is not None
    assert rows.select("day", "close", "open").collect().rows() == [(date(2026, 2, 12), 21.5, None)]
    yields = csv(tmp_path, "date,m3,y10", "2026-02-12,3.6,4.1", "2026-02-13,,4.2", name="r.csv")
    file = bring(yields, store.folder, "rates", ("day=date", "0.25=m3", "10=y10", "yield_unit=percent"))
    assert (file.stored, dict(file.dropped)) == (3, {"no yield": 1})
    rates = store.rows("rates")
    assert rates is not None
    first = rates.collect().row(0, named=True)
    assert (first["tenor"], first["yield"]) == (0.25, 0.036)
    assert first["known_at"] == datetime(2026, 2, 13, 21, 15, tzinfo=UTC)
    counts = csv(tmp_path, "t,at,n", "GME,2021-01-25,7", "GME,2021-01-26,", name="s.csv")
    said = ("ticker=t", "start=at", "mentions=n", "interval=1d")
    assert dict(bring(counts, store.folder, "social", said).dropped) == {"no count": 1}
    social = store.rows("social", "GME")
    assert social is not None
    row = social.collect().row(0, named=True)
    assert row["known_at"] == datetime(2021, 1, 26, 5, 0, tzinfo=UTC)  # over in New York too
    assert (row["mentions"], row["total"]) == (7.0, None)
    with pytest.raises(BadInput, match="leave --set out"):
        bring(counts, store.folder, "social", said, "s")


def test_a_map_in_a_file_is_overridden_by_pairs(tmp_path: Path) -> None:
    path = tmp_path / "map.toml"
    path.write_text('zone = "UTC"\n[columns]\nname = "n"\nday = "d"\nclose = "c"\n')
    said = read_map("indices", (str(path), "close=Last", "source=mine"))
    assert (said.columns, said.zone, said.source) == ({"name": "n", "day": "d", "close": "Last"}, "UTC", "mine")
