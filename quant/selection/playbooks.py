"""The playbooks of the desk: frozen, versioned settings of the one graph."""

from __future__ import annotations

from domain.playbook import ExitRules, Playbook, SearchSpace
from domain.regime import RegimeName
from domain.structures import StructureName
from domain.views import Direction, Volatility

CALM = (RegimeName.LOW_VOL, RegimeName.NEUTRAL, RegimeName.HIGH_VOL)  # nothing is opened in a crisis
ANY_DIRECTION = tuple(view.value for view in Direction)
ANY_VOLATILITY = tuple(view.value for view in Volatility)

INDEX_IRON_CONDOR = Playbook(
    name="index_iron_condor",
    version=1,
    universe=(),
    broad_index_only=True,
    direction=ANY_DIRECTION,  # P carries the drift; a condor may sit off centre
    volatility=(Volatility.RICH.value,),
    needs="volatility",
    regimes=CALM,
    structures=(StructureName.IRON_CONDOR,),  # a butterfly sells the money: its deltas are not this playbook's
    # The narrowest wing lets one contract of a 3,000-point index fit into a six-figure account.
    # What is closed at 21 days earns nothing after, so that there must be time before.
    search=SearchSpace(min_dte=30, max_dte=60, short_delta=(0.10, 0.25), widths=(0.005, 0.01, 0.015, 0.02, 0.025)),
    # Lost is as much as was received when the spread costs twice its credit; wings this narrow can't lose much more.
    exits=ExitRules(profit_target=0.5, stop_loss=1.0, close_dte=21),
    kelly_scale=1.0,
    largest_loss=0.03,
)

DEBIT_VERTICAL = Playbook(
    name="debit_vertical",
    version=1,
    universe=(),
    broad_index_only=False,
    direction=(Direction.UP.value, Direction.DOWN.value),
    volatility=ANY_VOLATILITY,
    needs="direction",
    regimes=CALM,
    structures=(StructureName.BULL_CALL_SPREAD, StructureName.BEAR_PUT_SPREAD),
    search=SearchSpace(min_dte=20, max_dte=60, short_delta=(0.40, 0.60), widths=(0.01, 0.02, 0.03, 0.05)),
    exits=ExitRules(profit_target=0.75, stop_loss=0.5, close_dte=7),
    kelly_scale=1.0,
    largest_loss=0.02,
)

PLAYBOOKS: dict[str, Playbook] = {one.name: one for one in (INDEX_IRON_CONDOR, DEBIT_VERTICAL)}

# The direction that a structure needs; the others need none.
FAVOURS: dict[StructureName, Direction] = {
    StructureName.BULL_CALL_SPREAD: Direction.UP,
    StructureName.BULL_PUT_SPREAD: Direction.UP,
    StructureName.BEAR_PUT_SPREAD: Direction.DOWN,
    StructureName.BEAR_CALL_SPREAD: Direction.DOWN,
}
