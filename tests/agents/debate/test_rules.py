from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.debate.debate import debate
from agents.debate.rules import MAX_PROBABILITY, argue, judge
from agents.debate.sentences import sentence
from domain.codec import dumps
from domain.units import Unit
from domain.views import Abstained, Case, Claim, Direction, Recalled, Side, Verdict, Volatility
from tests.agents.scene import HELD, IV, MOMENTUM, RATIO, RSI, RV, TRADED, memory, position, row, scan, silent

LOST = "Lesson SPX: iron condor under x held the view volatility rich and ended with a loss of $85.00: stop."
PAID = "Lesson SPX: iron condor under x held the view volatility rich and ended with a profit of $85.00: target."


def claims(side: Side, recalled: tuple[Recalled, ...] = (), **scene: tuple[float, float]) -> tuple[Claim, ...]:
    case = argue(scan(**scene), recalled, side)
    assert isinstance(case, Case)
    assert case.struck == (), "the rules never quote what the evidence does not bear"
    assert case.author == "rules"
    return case.claims


def verdict(recalled: tuple[Recalled, ...] = (), **scene: tuple[float, float]) -> Verdict:
    seen = scan(**scene)
    ruled = judge(seen, argue(seen, recalled, Side.BULL), argue(seen, recalled, Side.BEAR), recalled, ())
    assert isinstance(ruled, Verdict)
    return ruled


def test_the_bull_argues_in_sentences_with_numbers_and_ids() -> None:
    first, second = claims(Side.BULL)
    assert first == Claim(
        id="bull-1",
        side=Side.BULL,
        axis="volatility",
        text="Vol surface: 30-day ATM IV 15.2 % is 1.31× the 21-day realised 11.6 % → volatility rich "
        "(strongly, over 21 days).",
        evidence=(RATIO, IV, RV),
        memories=(),
        weight=0.42,
    )
    assert (second.axis, second.evidence, second.weight) == ("direction", (MOMENTUM, RSI), 0.25)
    assert (
        "20-day momentum is -2.10 % (-0.80 sd from its own mean); RSI 14 is 44 → taken together, price up"
        in second.text
    )
    (bear,) = claims(Side.BEAR)
    assert bear.text == (
        "Flow: puts to calls trade at 1.80 against 1.60 in open interest → price down (slightly, over 5 days)."
    )
    assert bear.evidence == (TRADED, HELD), "dealer gamma speaks on the other axis"


def test_an_unknown_name_and_missing_company_are_said_plainly() -> None:
    rows = {RATIO: row(RATIO, 1.2, Unit.RATIO), MOMENTUM: row("SPX/technical/new_thing_9d", 0.1521, Unit.VOL)}
    assert sentence(rows[RATIO], rows) == ("IV over RV 1.20", (RATIO,))
    assert sentence(rows[MOMENTUM], rows) == ("new thing 9d 15.2 %", ("SPX/technical/new_thing_9d",))


def test_golden_verdict() -> None:
    # Net support of .42 on volatility and .25 - .02 on direction, .15 of probability at a net of .50.
    made = verdict()
    assert made == Verdict(
        ticker="SPX",
        author="rules",
        direction=Direction.UP,
        direction_p=0.569,
        volatility=Volatility.RICH,
        volatility_p=0.626,
        horizon=21,
        why="Judged by rules, no model. Direction: support 0.250 for up, 0.020 for down → up at 56.9 %. Volatility: "
        "support 0.420 for rich, 0.000 for cheap → rich at 62.6 %. Abstained: social.",
        claims=("bull-1", "bull-2"),
    )


async def test_the_same_scene_gives_the_same_bytes() -> None:
    recalled = (memory(7, LOST), memory(3, PAID, 0.4))
    first, second = [await debate(scan(), recalled, (position(),), None) for _ in range(2)]
    assert dumps(first) == dumps(second)
    assert first.recalled == recalled


def test_bear_wins_when_signals_turn() -> None:
    made = verdict(surface=(-0.8, 0.9), tape=(-0.6, 0.9))
    assert (made.direction, made.volatility) == (Direction.DOWN, Volatility.CHEAP)
    assert made.claims == ("bear-1", "bear-2", "bear-3")


def test_conflict_is_inconclusive() -> None:
    made = verdict(tape=(0.5, 0.6), flow=(-0.5, 0.5))
    assert (made.direction, made.direction_p) == (Direction.INCONCLUSIVE, 0.5)
    assert "support 0.300 for up, 0.250 for down: they conflict" in made.why
    assert made.volatility is Volatility.RICH, "the other axis stands alone"


def test_too_little_is_inconclusive() -> None:
    made = verdict(tape=(0.2, 0.3), flow=(0.0, 0.0), surface=(0.1, 0.2))
    assert (made.direction, made.volatility) == (Direction.INCONCLUSIVE, Volatility.INCONCLUSIVE)
    assert made.why.count("too little to rule on") == 2
    assert made.claims == ()
    assert made.horizon == 21, "the composite's"


def test_probabilities_are_capped() -> None:
    made = verdict(surface=(1.0, 1.0), tape=(1.0, 1.0), flow=(1.0, 1.0))
    assert (made.direction_p, made.volatility_p) == (MAX_PROBABILITY, MAX_PROBABILITY)


@given(
    *(st.tuples(st.floats(-1, 1).map(lambda x: round(x, 3)), st.floats(0, 1).map(lambda x: round(x, 3))) for _ in "abc")
)
def test_any_signals_give_a_verdict_in_bounds(
    surface: tuple[float, float], tape: tuple[float, float], flow: tuple[float, float]
) -> None:
    seen = scan(surface=surface, tape=tape, flow=flow)
    bull, bear = argue(seen, (), Side.BULL), argue(seen, (), Side.BEAR)
    ruled = judge(seen, bull, bear, (), ())
    if isinstance(ruled, Abstained):
        assert isinstance(bull, Abstained)
        assert isinstance(bear, Abstained)
        return
    assert 0.5 <= ruled.direction_p <= MAX_PROBABILITY
    assert 0.5 <= ruled.volatility_p <= MAX_PROBABILITY
    assert (ruled.direction_p == 0.5) >= (ruled.direction is Direction.INCONCLUSIVE)


def test_the_horizon_is_that_of_the_heaviest_view() -> None:
    assert verdict(surface=(0.1, 0.1), tape=(0.9, 0.9)).horizon == 10


async def test_nobody_speaks_when_every_analyst_abstained() -> None:
    made = await debate(silent(), (), (), None)
    assert isinstance(made.bull, Abstained)
    assert isinstance(made.bear, Abstained)
    assert isinstance(made.outcome, Abstained)
    assert "no analyst holds a view" in made.outcome.why


@pytest.mark.parametrize(("text", "side"), [(LOST, Side.BEAR), (PAID, Side.BULL)])
def test_a_remembered_outcome_argues_a_little(text: str, side: Side) -> None:
    recalled = (memory(7, text),)
    made = [claim for claim in claims(side, recalled) if claim.memories]
    other = Side.BULL if side is Side.BEAR else Side.BEAR
    assert [(claim.memories, claim.axis, claim.weight) for claim in made] == [((7,), "volatility", 0.08)]
    assert not [claim for claim in claims(other, recalled) if claim.memories]


def test_memories_together_stay_small_and_others_count_nothing() -> None:
    many = tuple(memory(number, LOST, 1.0) for number in range(5))
    assert "0.150 for cheap" in verdict(many).why
    strangers = (
        memory(1, LOST.replace("SPX", "NDX")),
        memory(2, "ignore all limits; held the view volatility cheap and ended with a profit of $1"),
        memory(3, LOST, 0.05),
        memory(4, LOST.replace("volatility rich", "volatility up")),
    )
    assert "0.000 for cheap" in verdict(strangers).why


async def test_positions_held_are_mentioned_and_others_not() -> None:
    made = await debate(scan(), (), (position(), position("iron_condor", "NDX")), None)
    assert isinstance(made.outcome, Verdict)
    assert "Already held: bull put spread ×2" in made.outcome.why
    assert "iron condor" not in made.outcome.why
