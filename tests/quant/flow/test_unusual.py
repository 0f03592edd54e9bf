"""Put/call ratios and contracts that trade out of proportion to what is held."""

from __future__ import annotations

import numpy as np
import pytest

from domain.errors import BadInput
from quant.flow.unusual import put_call, unusual

CALL = np.array([True, True, False, False])
ALL = np.ones(4, dtype=np.bool_)


def test_put_call_leaves_out_what_is_unknown() -> None:
    assert put_call(np.array([10.0, np.nan, 30.0, 20.0]), CALL) == 5.0
    assert put_call(np.array([0.0, np.nan, 30.0, 20.0]), CALL) is None
    assert put_call(np.full(4, np.nan), CALL) is None
    with pytest.raises(BadInput):
        put_call(np.ones(3), CALL)


def test_outliers_are_ranked_by_premium_and_the_share_is_of_premium() -> None:
    found = unusual(
        volume=np.array([1_000.0, 600.0, 2_000.0, 9_000.0]),
        open_interest=np.array([100.0, 0.0, 600.0, 8_000.0]),
        mid=np.array([1.0, 10.0, 2.0, 5.0]),
        is_call=CALL,
        eligible=ALL,
        multiplier=100,
    )
    assert found.rows == (1, 2, 0)  # the last trades a lot, but against a position of the same size
    assert found.premium == pytest.approx(600_000.0 + 400_000.0 + 100_000.0)
    assert found.call_share == pytest.approx(7.0 / 11.0)


@pytest.mark.parametrize(
    "change",
    [
        {"volume": np.full(4, np.nan)},
        {"open_interest": np.full(4, np.nan)},
        {"mid": np.full(4, np.nan)},
        {"mid": np.zeros(4)},
        {"eligible": ~ALL},
        {"volume": np.full(4, 499.0)},
    ],
)
def test_unknown_or_small_is_not_unusual(change: dict[str, np.ndarray]) -> None:
    base = {
        "volume": np.full(4, 1_000.0),
        "open_interest": np.full(4, 10.0),
        "mid": np.ones(4),
        "is_call": CALL,
        "eligible": ALL,
    }
    assert len(unusual(**base, multiplier=100).rows) == 4
    assert unusual(**(base | change), multiplier=100) == ((), 0.0, None)
