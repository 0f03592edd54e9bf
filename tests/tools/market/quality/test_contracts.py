"""Rows that are no contract go, each under its reason; what is left keeps its sizes and its order."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from domain.errors import BadChain
from tests.tools.market.quality.chains import NAN, QUOTED, clean, rows, spoilt, spy
from tools.market.quality import screen


def test_a_clean_chain_passes_untouched() -> None:
    for chain in (clean(), spy()):
        screened, quality = screen(chain)
        assert screened is chain
        assert (quality.rows, quality.kept) == (len(chain), len(chain))
        assert (quality.dropped, quality.unquoted, quality.flags) == ((), (), ())
        assert quality.text() == ""


@pytest.mark.parametrize(
    ("reason", "values"),
    [
        ("without strike", {"strike": NAN}),
        ("without strike", {"strike": np.inf}),
        ("without strike", {"strike": 0.0}),
        ("without expiration", {"expiry": 0}),
        ("without expiration", {"expiry": 3_652_060}),
        ("negative quote", {"bid": -0.01}),
        ("negative quote", {"ask": -0.01}),
        ("expired", {"settles_at": int(QUOTED.timestamp())}),
        ("adjusted contract", {"root": "SPX1"}),
        ("crossed", {"bid": 2.0, "ask": 1.9}),
    ],
)
def test_a_row_that_is_no_contract_goes_and_its_neighbours_stay(reason: str, values: dict[str, float]) -> None:
    chain = clean()
    at = rows(chain, 31, 1.1, True)
    screened, quality = screen(spoilt(chain, at, **values))
    assert quality.dropped == ((reason, 1),)
    assert quality.unquoted == ()
    assert np.array_equal(screened.strike, np.delete(chain.strike, at))
    assert np.array_equal(screened.bid, np.delete(chain.bid, at))


def test_a_locked_market_is_not_crossed() -> None:
    chain = clean()
    at = rows(chain, 31, 1.1, True)
    locked = spoilt(chain, at, ask=chain.bid[at])
    assert screen(locked)[0] is locked


def test_the_first_of_two_rows_of_a_contract_stays() -> None:
    chain = clean()
    one, other = rows(chain, 31, 1.1, True), rows(chain, 31, 1.105, True)
    screened, quality = screen(spoilt(chain, other, strike=chain.strike[one], bid=0.2, ask=0.3))
    assert quality.dropped == (("duplicate", 1),)
    assert np.array_equal(screened.bid, np.delete(chain.bid, other))
    far = spoilt(chain, other, strike=chain.strike[one], root="SPX", bid=chain.bid[one], ask=chain.ask[one])
    assert screen(far)[1].dropped == ()  # another root is another contract


def test_a_dropped_row_does_not_make_a_good_one_a_duplicate() -> None:
    chain = clean()
    one, other = rows(chain, 31, 1.1, True), rows(chain, 31, 1.105, True)
    first, later = min(one, other), max(one, other)
    twice = spoilt(chain, first, strike=chain.strike[later], bid=2.0, ask=1.0)
    screened, quality = screen(twice)
    assert quality.dropped == (("crossed", 1),)
    assert np.array_equal(screened.bid, np.delete(chain.bid, first))


@pytest.mark.parametrize(
    ("ticker", "root", "known"),
    [
        ("SPX", "SPX", True),
        ("SPX", "SPXW", True),
        ("SPX", "SPXQ", False),
        ("AAPL", "AAPL", True),
        ("AAPL", "AAPL1", False),
        ("AAPL", "2AAPL", False),
        ("BRK.B", "BRKB", True),
        ("BRK.B", "BRKA", False),
        ("ES", "E1A", True),
    ],
)
def test_which_roots_deliver_the_standard_contract(ticker: str, root: str, known: bool) -> None:
    chain = dataclasses.replace(spy(), ticker=ticker)
    chain = spoilt(chain, slice(None), root=root)
    if known:
        assert screen(chain)[1].dropped == ()
    else:
        with pytest.raises(BadChain, match=f"{len(chain)} adjusted contract"):
            screen(chain)


def test_sizes_follow_their_rows_and_go_with_the_quotes() -> None:
    chain = clean()
    size = np.arange(len(chain), dtype=float)
    chain = dataclasses.replace(chain, bid_size=size, ask_size=size + 0.5)
    gone, empty = rows(chain, 31, 1.1, True), rows(chain, 31, 1.19, True)
    screened, quality = screen(spoilt(spoilt(chain, gone, strike=NAN), empty, bid=0.0, ask=NAN))
    assert quality.dropped == (("without strike", 1),)
    assert quality.unquoted == (("no market", 1),)
    assert screened.bid_size is not None
    assert screened.ask_size is not None
    expected = size.copy()
    expected[empty] = NAN
    assert np.array_equal(screened.bid_size, np.delete(expected, gone), equal_nan=True)
    assert np.array_equal(screened.ask_size, np.delete(expected, gone) + 0.5, equal_nan=True)
