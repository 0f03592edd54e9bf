"""Spread models: fitted on real quotes, kept, opened by name, and put on chains that have none."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from domain.codec import digest, dumps
from domain.errors import BadInput
from domain.market import Absent, Kind, OptionChain, Quotes
from quant.execution.quotes import untradable
from quant.execution.spreads import DAYS, MONEYNESS, SpreadModel, spread_of, tick
from quant.surface import fit
from tests.quant.execution.test_spreads import a_model
from tools import sessions
from tools.market import reference
from tools.market.open import open_market
from tools.market.recorded import RecordedMarket
from tools.market.snapshot import take_snapshot
from tools.market.spreads import FEW, SpreadFit, fit_spreads, load, models, save
from tools.market.spreads.fitting import Part, fit_kind, lean, observe
from tools.market.store import CHAIN_SCHEMA, Store

CLOSE = sessions.new_york(date(2026, 6, 15), 16, 0)
COLUMNS = len(MONEYNESS) - 1
CELLS = (len(DAYS) - 1) * COLUMNS


# Cells that hold too little


def test_a_poor_cell_leans_on_its_neighbours() -> None:
    own, count = np.zeros(CELLS), np.full(CELLS, 1000)
    own[1], own[COLUMNS], count[0], own[0] = 2.0, 4.0, FEW // 2, 9.0
    count[1], count[COLUMNS] = 300, 100
    theirs = (300 * 2.0 + 100 * 4.0) / 400
    value = lean(own, count)
    assert value[0] == pytest.approx((25 * 9.0 + 50 * theirs) / 75)
    assert value[1:].tolist() == own[1:].tolist()


def test_an_empty_corner_is_filled_step_by_step() -> None:
    count = np.zeros(CELLS, dtype=np.int64)
    own = np.full(CELLS, np.nan)
    count[-1], own[-1] = FEW, 0.7
    assert lean(own, count).tolist() == [0.7] * CELLS


def test_nothing_to_lean_on_is_refused() -> None:
    with pytest.raises(BadInput, match="no cell holds 50 quotes"):
        lean(np.zeros(CELLS), np.full(CELLS, FEW - 1))


# Real quotes


@pytest.fixture(scope="module")
def spx(store_dir: Path) -> SpreadFit:
    return asyncio.run(fit_spreads(Store(store_dir), ("spx-2019",), "spx"))


@pytest.fixture(scope="module")
def model(store_dir: Path) -> SpreadModel:
    return asyncio.run(fit_spreads(Store(store_dir), ("yahoo-2026-02",), "winter")).model


@pytest.mark.data
def test_spx_2019_has_the_spreads_that_were_measured_on_it(spx: SpreadFit) -> None:
    """By moneyness in standard deviations: 8-35 days 1.5, 2.4, 4.3, 11.8 %; 36-95 days 1.1, 1.7, 3.0, 7.2 %."""
    assert spx.unused == ()
    (index,) = spx.model.kinds
    assert (index.kind, spx.model.chains) == (Kind.INDEX, 41)
    month, quarter = index.cells[COLUMNS : 2 * COLUMNS], index.cells[2 * COLUMNS : 3 * COLUMNS]
    assert [100 * cell.share for cell in month[:4]] == pytest.approx([1.5, 2.4, 4.3, 11.8], rel=0.05)
    assert [100 * cell.share for cell in quarter[:4]] == pytest.approx([1.1, 1.7, 3.0, 7.2], rel=0.05)
    assert spx.model.quotes == sum(cell.n for cell in index.cells) > 200_000
    assert min(cell.n for cell in index.cells) > 1_000
    assert 0.1 < index.cells[2 * COLUMNS - 1].unbid < 0.4
    assert (spx.model.first, spx.model.last) == (date(2019, 4, 25), date(2019, 6, 28))


@pytest.mark.data
def test_days_not_seen_are_predicted_within_a_third(spx: SpreadFit) -> None:
    (index,) = spx.model.kinds
    assert index.held_out == "odd chains of spx-2019 from even ones and the reverse"
    assert index.error is not None
    assert 0.1 < index.error < 0.3  # a flat 1 % is wrong by a factor of 4 at the median


@pytest.mark.data
def test_the_error_is_measured_on_what_was_left_out(store_dir: Path) -> None:
    """A chain, and it again with spreads made twice as wide: each predicts the other wrong by a factor of 2."""
    market = RecordedMarket(store_dir, "spx-2019")
    at = sessions.new_york(date(2019, 6, 11), 15, 45)

    chain = asyncio.run(chain_of(market, "SPX", at))
    seen = observe(chain, Kind.INDEX, chain.quoted_at, None)
    wide = seen._replace(width=2 * seen.width, ticks=2 * seen.ticks)
    fitted = fit_kind(Kind.INDEX, (Part("a", 0, seen), Part("b", 0, wide)))
    assert fitted.held_out == "each of a, b from the others"
    assert fitted.error == pytest.approx(np.log(2.0), abs=0.15)


@pytest.mark.data
async def test_no_quote_after_the_last_day_is_used(store_dir: Path) -> None:
    early = await fit_spreads(Store(store_dir), ("spx-2019",), "early", until=date(2019, 5, 1))
    assert early.model.last <= date(2019, 5, 1)
    assert early.model.chains == 5


@pytest.mark.data
async def test_what_cannot_be_fitted_says_so(store_dir: Path) -> None:
    store = Store(store_dir)
    with pytest.raises(BadInput, match="eod-2026 hold no quoted chain"):
        await fit_spreads(store, ("eod-2026",), "nothing", until=date(2026, 5, 27))
    with pytest.raises(BadInput, match="has no set 'nowhere'"):
        await fit_spreads(store, ("nowhere",), "nothing")
    for name in ("none", "a/b", "", "../x"):
        with pytest.raises(BadInput, match="cannot name a spread model"):
            await fit_spreads(store, ("spx-2019",), name)
    with pytest.raises(BadInput, match="no set to fit a spread model on"):
        await fit_spreads(store, (), "nothing")


# Kept and opened


@pytest.mark.data
def test_a_model_is_kept_and_opened_by_name(model: SpreadModel, tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert load(store, "none") is None
    with pytest.raises(
        BadInput, match=r"no spread model 'winter': it holds none; fit one: parley data spreads fit winter"
    ):
        load(store, "winter")
    path = save(store, model)
    assert path == tmp_path / "spreads" / "winter.json"
    assert load(store, "winter") == model
    assert models(store) == ("winter",)
    assert store.sets() == ()
    with pytest.raises(BadInput, match="it holds winter"):
        load(store, "summer")


@pytest.mark.data
def test_another_version_and_a_broken_file_are_refused(model: SpreadModel, tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = save(store, model)
    path.write_text(dumps(dataclasses.replace(model, version=99)))
    with pytest.raises(BadInput, match="version 99"):
        load(store, "winter")
    path.write_text("{")
    with pytest.raises(BadInput, match="is no spread model"):
        load(store, "winter")


# On a set without quotes


@pytest.fixture
def scratch(store_dir: Path, tmp_path: Path) -> Store:
    """A store of its own with the sets of another, so that models can be kept in it."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    for path in store_dir.iterdir():
        if path.name != "spreads":
            (folder / path.name).symlink_to(path)
    return Store(folder)


async def chain_of(market: RecordedMarket, ticker: str, at: datetime) -> OptionChain:
    chain = await market.chain(ticker, at)
    assert isinstance(chain, OptionChain)
    return chain


@pytest.mark.data
async def test_without_a_model_nothing_is_quoted(store_dir: Path) -> None:
    market = RecordedMarket(store_dir, "eod-2026")
    chain = await chain_of(market, "SPY", CLOSE)
    assert market.label == "recorded:eod-2026"
    assert chain.quotes is Quotes.NONE
    assert np.isnan(chain.bid).all()
    assert "has neither bid nor ask" in untradable(chain)[0]


@pytest.mark.data
async def test_with_one_every_reader_sees_the_same_quotes(store_dir: Path, model: SpreadModel) -> None:
    market = RecordedMarket(store_dir, "eod-2026", spreads=model)
    assert market.label == "recorded:eod-2026:winter"
    chain = await chain_of(market, "NVDA", CLOSE)
    snapshot = await take_snapshot(market, "NVDA", CLOSE)
    assert snapshot.chain is not None
    assert snapshot.market == market.label
    assert (chain.quotes, snapshot.chain.quotes) == (Quotes.MODEL, Quotes.MODEL)
    assert chain.spread_model.startswith("winter: fitted on yahoo-2026-02, ")
    assert "spread model winter" in snapshot.chain.source
    assert not [why for why in snapshot.restrictions if "neither bid nor ask" in why]
    assert np.mean(chain.ask > 0.0) > 0.85
    assert (chain.bid >= 0.0).sum() == np.isfinite(chain.ask).sum()
    assert not (chain.bid > chain.ask).any()


@pytest.mark.data
@pytest.mark.parametrize(("ticker", "level", "basis"), [("SPY", 0.05, 0.5), ("NVDA", 0.25, 2.0), ("TLT", 0.35, 4.0)])
async def test_model_quotes_give_the_vendors_surface_back(
    ticker: str, level: float, basis: float, store_dir: Path, model: SpreadModel
) -> None:
    """Within so many vol points and basis points of the forward, from a week on and between -1.5 and 1 sd."""
    rates = await RecordedMarket(store_dir, "eod-2026").rates(CLOSE)
    assert not isinstance(rates, Absent)
    bare = await chain_of(RecordedMarket(store_dir, "eod-2026"), ticker, CLOSE)
    quoted = await chain_of(RecordedMarket(store_dir, "eod-2026", spreads=model), ticker, CLOSE)
    one, other = fit(bare, CLOSE, rates), fit(quoted, CLOSE, rates)
    pairs = [(a, other.find(a.root, a.expiry)) for a in one.slices if a.t > 6 / 365]
    assert len(pairs) >= 15
    for a, b in pairs:
        assert b is not None
        assert abs(1e4 * np.log(b.forward / a.forward)) < basis
        k = np.linspace(-1.5, 1.0, 6) * a.atm_vol * np.sqrt(a.t)
        assert 100 * np.abs(b.vol(k) - a.vol(k)).max() < level


@pytest.mark.data
async def test_a_set_with_quotes_keeps_them(store_dir: Path, model: SpreadModel) -> None:
    market, plain = RecordedMarket(store_dir, "spx-2019", spreads=model), RecordedMarket(store_dir, "spx-2019")
    at = sessions.new_york(date(2019, 6, 11), 15, 45)
    assert market.label == "recorded:spx-2019"
    assert digest(await chain_of(market, "SPX", at)) == digest(await chain_of(plain, "SPX", at))


@pytest.mark.data
def test_a_model_of_other_kinds_is_refused_at_the_door(store_dir: Path, spx: SpreadFit) -> None:
    with pytest.raises(BadInput, match=r"spread model spx knows no stock quotes, only index"):
        RecordedMarket(store_dir, "eod-2026", spreads=spx.model)


@pytest.mark.data
def test_markets_are_opened_with_a_model_by_setting_or_by_name(scratch: Store, model: SpreadModel) -> None:
    save(scratch, model)
    assert open_market("recorded:eod-2026", scratch.folder, 1).label == "recorded:eod-2026"
    assert open_market("recorded:eod-2026", scratch.folder, 1, "winter").label == "recorded:eod-2026:winter"
    assert open_market("recorded:eod-2026:winter", scratch.folder, 1).label == "recorded:eod-2026:winter"
    assert open_market("recorded:spx-2019", scratch.folder, 1, "winter").label == "recorded:spx-2019"
    with pytest.raises(BadInput, match="no spread model 'summer': it holds winter"):
        open_market("recorded:eod-2026", scratch.folder, 1, "summer")
    with pytest.raises(BadInput, match="there is no market"):
        open_market("recorded:eod-2026:winter:more", scratch.folder, 1)


@pytest.mark.data
async def test_a_chain_that_no_slice_can_be_made_of_stays_without_quotes(
    scratch: Store, model: SpreadModel, tmp_path: Path
) -> None:
    at = datetime(2026, 6, 15, 20, tzinfo=UTC)
    rows = scratch.chain("eod-2026", "SPY", date(2026, 6, 15), CLOSE).collect().head(40)
    empty = rows.with_columns(vendor_iv=pl.lit(0.0), known_at=pl.lit(at), quoted_at=pl.lit(at))
    store = Store(tmp_path / "empty")
    store.put_chain("bare", "SPY", date(2026, 6, 15), empty.select(list(CHAIN_SCHEMA)))
    market = RecordedMarket(store.folder, "bare", spreads=model)
    chain = await chain_of(market, "SPY", at + timedelta(minutes=1))
    assert chain.quotes is Quotes.NONE
    assert untradable(chain)


def test_predicted_spreads_are_at_least_the_floor() -> None:
    fitted = a_model(floor=3).of(Kind.ETF)
    spread = spread_of(fitted, "SPY", np.array([0, 0]), np.array([0.5, 100.0]))
    assert spread.width.tolist() == pytest.approx([0.03, 2.0])


@pytest.mark.data
@pytest.mark.parametrize(
    ("set_name", "ticker"), [("yahoo-2026-02", "SPY"), ("yahoo-2026-02", "AAPL"), ("spx-2019", "SPX")]
)
def test_quotes_lie_on_the_stated_ticks(set_name: str, ticker: str, store_dir: Path) -> None:
    bids = Store(store_dir).chains(set_name, ticker).select("bid").collect()["bid"].drop_nulls().to_numpy()
    steps = bids / tick(ticker, reference.kind(ticker), bids)
    assert np.mean(np.abs(steps - np.round(steps)) < 1e-3) > 0.999
