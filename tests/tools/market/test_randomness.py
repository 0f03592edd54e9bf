"""Seeded chance repeats and its streams are apart; tokens do not repeat."""

from __future__ import annotations

import numpy as np

from tools.randomness import generator, nonce, suffix, uniforms


def test_equal_keys_give_equal_streams_and_others_do_not() -> None:
    one = generator(7, "SPY", 3).standard_normal(8)
    assert (one == generator(7, "SPY", 3).standard_normal(8)).all()
    for other in (generator(8, "SPY", 3), generator(7, "SPX", 3), generator(7, "SPY", "3"), generator(7, "SPY")):
        assert (one != other.standard_normal(8)).all()


def test_streams_stay_the_same_for_ever() -> None:
    """A change here changes every simulated market: past runs could not be repeated."""
    assert generator(7).integers(1_000_000, size=3).tolist() == [163231, 708985, 321296]


def test_addressed_uniforms_do_not_depend_on_their_neighbours() -> None:
    rows, columns = np.arange(1000)[:, None], np.arange(50)[None, :]
    whole = uniforms(7, ("quote",), rows, columns)
    assert whole.shape == (1000, 50)
    assert uniforms(7, ("quote",), np.array([123]), np.array([45]))[0] == whole[123, 45]
    assert ((whole > 0) & (whole < 1)).all()
    assert abs(whole.mean() - 0.5) < 0.005
    assert abs(np.corrcoef(whole[:-1].ravel(), whole[1:].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(whole[:, :-1].ravel(), whole[:, 1:].ravel())[0, 1]) < 0.02
    assert (whole != uniforms(8, ("quote",), rows, columns)).all()


def test_tokens() -> None:
    assert len({nonce() for _ in range(100)}) == 100
    assert all(len(nonce()) == 32 for _ in range(5))
    assert len(suffix()) == 5
    assert len(suffix(9)) == 9
