from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.grounding import stray_numbers, why_struck
from agents.words import amount, phrase
from domain.evidence import Evidence
from domain.units import Unit
from tests.agents.scene import IV, RATIO, memory, row

VOL = row("SPX/vol_surface/atm_iv_30d", 0.1521, Unit.VOL, percentile=0.96, note="30 days constant maturity")
OVER = row("SPX/vol_surface/iv_over_rv_21d", 1.3112, Unit.RATIO, zscore=1.24)
FALL = row("SPX/technical/momentum_20d", -2.1, Unit.PERCENT)
RSI = row("SPX/technical/rsi_14", 44.0, Unit.COUNT)
GEX = row("SPX/flow/net_gex", 3502.5, Unit.DOLLARS_M)
PAIN = row("SPX/flow/max_pain", 2850.0, Unit.PRICE)
SKEW = row("SPX/vol_surface/skew_25d", 4.31, Unit.VOL_POINTS)
RANK = row("SPX/vol_surface/iv_rank", 0.42, Unit.PROBABILITY)
DAYS = row("SPX/flow/days_to_expiry", 3.0, Unit.DAYS)


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("IV is 15.2 %", VOL),
        ("IV is 15.2%", VOL),
        ("IV is 15.21 percent", VOL),
        ("IV is 15 % or so", VOL),
        ("IV of 0.152", VOL),
        ("vol trades at 15.2", VOL),
        ("15.2 vol points", VOL),
        ("30-day IV", VOL),
        ("in the 96th percentile", VOL),
        ("above 96 % of its history", VOL),
        ("atm_iv_30d says so", VOL),
        ("SPX/vol_surface/atm_iv_30d says so", VOL),
        ("1.31x realised", OVER),
        ("1.31× realised", OVER),
        ("1.3 times realised", OVER),
        ("131 % of realised", OVER),
        ("31 % above realised", OVER),
        ("21-day realised", OVER),
        ("1.2 sd from its mean", OVER),
        ("fell 2.1 %", FALL),
        ("moved -2.1 %", FALL),
        ("moved −2.1 %", FALL),
        ("moved -0.021", FALL),
        ("lost 210 bps", FALL),
        ("RSI 14 at 44", RSI),
        ("$3,502.50 M of gamma", GEX),
        ("3.5 billion of gamma", GEX),
        ("$3.5bn", GEX),
        ("max pain at 2,850", PAIN),
        ("max pain at $2850.00", PAIN),
        ("skew of 4.3 vol points", SKEW),
        ("rank 42 %", RANK),
        ("rank 0.42", RANK),
        ("IV rank 42", RANK),
        ("its 42nd percentile", RANK),
        ("3 days away", DAYS),
        ("the S&P 500 over 21 days, as bear-2 says", VOL),
        ("over 5 sessions", RSI),
        ("no number at all, only words, and one of them", RSI),
    ],
)
def test_a_number_that_the_evidence_bears(text: str, item: Evidence) -> None:
    assert stray_numbers(text, [item]) == ()


@pytest.mark.parametrize(
    ("text", "item", "stray"),
    [
        ("IV is 0.152 %", VOL, "0.152 %"),
        ("IV is 15.4 %", VOL, "15.4 %"),
        ("IV is 1521 %", VOL, "1521 %"),
        ("IV is 16 %", VOL, "16 %"),
        ("IV is -15.2 %", VOL, "-15.2 %"),
        ("20-day IV", VOL, "20"),
        ("1x realised", OVER, "1x"),
        ("33 % above realised", OVER, "33 %"),
        ("1.31 %", OVER, "1.31 %"),
        ("rose +2.1 %", FALL, "+2.1 %"),
        ("fell 210 %", FALL, "210 %"),
        ("RSI at 45", RSI, "45"),
        ("RSI at 44 %", RSI, "44 %"),
        ("$350 M of gamma", GEX, "$350 m"),
        ("3502 billion", GEX, "3502 billion"),
        ("a target of 2,900", PAIN, "2,900"),
        ("max pain at 2850 %", PAIN, "2850 %"),
        ("rank 4.2", RANK, "4.2"),
        ("over 30 days", RSI, "30"),
        ("size 100 and ignore the limits", VOL, "100"),
        ("the 2900C", RSI, "2900"),
        ("SPY9000 says so", RSI, "spy9000"),
        ("v1.2.3", RSI, "v1"),
        ("1.2.3", RSI, "1.2"),
        ("IV fifteen percent", VOL, "fifteen percent"),
        ("buy twenty-five contracts", VOL, "twenty-five contracts"),
        ("two sigma", OVER, "two sigma"),
        ("１００ lots", VOL, "100"),
        ("٣٣ of them", VOL, "٣٣"),
        ("½ of it", RSI, "1"),
    ],
)
def test_a_number_that_it_does_not_bear(text: str, item: Evidence, stray: str) -> None:
    assert stray in stray_numbers(text, [item])


def test_each_number_needs_its_own_row() -> None:
    assert stray_numbers("15.2 % is 1.31x", [VOL, OVER]) == ()
    assert stray_numbers("15.2 % is 1.31x", [VOL]) == ("1.31x",)


@given(
    st.sampled_from(list(Unit)),
    st.floats(min_value=-1e6, max_value=1e6),
    st.one_of(st.none(), st.floats(min_value=0, max_value=1)),
    st.one_of(st.none(), st.floats(min_value=-5, max_value=5)),
)
def test_our_own_words_for_evidence_are_grounded_in_it(
    unit: Unit, value: float, percentile: float | None, zscore: float | None
) -> None:
    item = row("SPX/flow/some_thing", value, unit, percentile=percentile, zscore=zscore)
    assert stray_numbers(amount(item.value, item.unit), [item]) == ()
    assert stray_numbers(phrase(item), [item]) == ()


@given(st.integers(min_value=1, max_value=9999))
def test_a_wrong_number_never_passes_as_a_price(cents: int) -> None:
    item = row("SPX/flow/max_pain", 100.0, Unit.PRICE)
    quoted = f"{cents / 100:.2f}"
    assert (stray_numbers(f"max pain at {quoted}", [item]) == ()) is (quoted == "100.00")


KNOWN = {IV: VOL, RATIO: OVER}
MEMORIES = {7: memory(7, "Lesson SPX: lost $85.00")}


@pytest.mark.parametrize(
    ("text", "evidence", "memories", "fault"),
    [
        ("IV 15.2 %", (IV,), (), None),
        ("IV 15.2 % at 1.31x", (IV, RATIO), (), None),
        ("it lost $85.00 once (memory 7)", (), (7,), None),
        ("it lost $85.00 once, IV 15.2 %", (IV,), (7,), None),
        ("IV is high", (), (), "cites no evidence"),
        ("IV is high", ("SPX/vol_surface/nothing",), (), "does not exist"),
        ("IV is high", (IV, "NDX/vol_surface/atm_iv_30d"), (), "does not exist"),
        ("it lost", (IV,), (8,), "not recalled: 8"),
        ("it lost $86.00 once", (), (7,), "does not bear: $86.00"),
        ("IV 15.2 % at 1.31x", (IV,), (), "does not bear: 1.31x"),
    ],
)
def test_truth_table_of_a_claim(
    text: str, evidence: tuple[str, ...], memories: tuple[int, ...], fault: str | None
) -> None:
    told = why_struck(text, evidence, memories, KNOWN, MEMORIES)
    assert told is None if fault is None else told is not None and fault in told
