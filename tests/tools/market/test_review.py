"""A review counts every chain and row once, and measures the quotes that passed."""

from __future__ import annotations

from pathlib import Path

import pytest

from quant.alignment import LagRules
from tools.market.recorded import RecordedMarket
from tools.market.review import Tally, review
from tools.market.store import Store

pytestmark = pytest.mark.data


async def reviewed(store_dir: Path, set_name: str, ticker: str, count: int | None = None) -> Tally:
    store = Store(store_dir)
    moments = [
        moment
        for day in store.chain_days(set_name, ticker)
        for moment in store.chain_moments(set_name, ticker, day)
    ]  # fmt: skip
    return await review(RecordedMarket(store_dir, set_name), ticker, moments[:count], LagRules())


async def test_a_set_is_the_sum_of_its_tickers(store_dir: Path) -> None:
    whole, parts = Tally(), []
    for ticker in ("AAPL", "AMZN"):
        tally = await reviewed(store_dir, "yahoo-2026-02", ticker)
        whole.add(tally)
        parts.append(tally.review("yahoo-2026-02", ticker))
    total = whole.review("yahoo-2026-02", "")
    for name in ("chains", "passed", "rows", "kept", "parity_pairs", "iv_quotes"):
        assert getattr(total, name) == sum(getattr(part, name) for part in parts) > 0
    assert total.rows == total.kept + sum(count for _, count in total.dropped) + total.refused_rows
    assert total.no_carry_median is not None
    assert total.iv_median is not None
    assert total.no_carry_median < 0.5 < total.iv_median  # Yahoo's volatilities ignore carry
    for name in ("dropped", "unquoted", "flagged"):
        counted: dict[str, int] = {}
        for part in parts:
            for reason, count in getattr(part, name):
                counted[reason] = counted.get(reason, 0) + count
        assert dict(getattr(total, name)) == counted
    assert total.parity_bp is not None
    assert min(part.parity_bp or 0 for part in parts) <= total.parity_bp <= max(part.parity_bp or 0 for part in parts)
    assert total.quoted


async def test_clean_quotes_measure_clean(store_dir: Path) -> None:
    found = (await reviewed(store_dir, "spx-2019", "SPX", 4)).review("spx-2019", "SPX")
    assert (found.chains, found.passed, found.refused) == (4, 4, ())
    assert found.parity_bp is not None
    assert found.parity_bp < 0.3
    assert found.iv_median is not None
    assert found.iv_p95 is not None
    assert found.iv_median < 0.1 < found.iv_p95
    assert found.no_carry_median is not None
    assert found.no_carry_median > 3 * found.iv_median  # this source reckons with a forward


async def test_refusals_are_counted_by_kind_with_their_rows(store_dir: Path) -> None:
    found = (await reviewed(store_dir, "thin-2021", "SPY")).review("thin-2021", "SPY")
    assert found.chains == 188
    assert found.chains - found.passed == sum(item.count for item in found.refused) > 0
    assert found.rows == 20 * 188
    assert found.kept == 20 * found.passed - sum(count for _, count in found.dropped)
    assert found.refused_rows == 20 * (found.chains - found.passed)
    crossed = {item.kind: item for item in found.refused}["mostly senseless rows"]
    assert crossed.count == 1
    assert "2021-09-17" in crossed.first


async def test_without_quotes_there_is_nothing_to_measure(store_dir: Path) -> None:
    found = (await reviewed(store_dir, "eod-2026", "TLT", 3)).review("eod-2026", "TLT")
    assert found.passed == 3
    assert not found.quoted
    assert (found.parity_bp, found.iv_median, found.iv_p95) == (None, None, None)
