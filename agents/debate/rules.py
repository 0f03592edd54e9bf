"""The rule debater: bull, bear and judge with no model, the same words for the same evidence. It says that it is rules.

Each analyst's signal argues for the side it leans to, with its own evidence; remembered outcomes argue a little; the
judge weighs both sides per axis and rules only where one clearly outweighs the other.
"""

from __future__ import annotations

from agents.debate.axes import AXES, SIGN, Axis, lean, stance
from agents.debate.case import MAX_CLAIMS, Draft, make_case
from agents.debate.sentences import sentence, speaks_on
from agents.debate.weights import Scales
from agents.recollection import remembered, signals
from agents.words import strength
from domain.book import Position
from domain.decision import Scan
from domain.units import Unit, on_grid
from domain.views import HORIZONS, Abstained, Case, Claim, Direction, Horizon, Recalled, Side, Verdict, Volatility

AUTHOR = "rules"
MIN_SUPPORT = 0.10  # of one side on one axis; below it there is too little to rule on
MIN_SHARE = 2 / 3  # of all support on the axis that the winner must have; below it the weights conflict
MAX_PROBABILITY = 0.65
_FULL = 0.50  # net support at which MAX_PROBABILITY is reached
_SENTENCES = 4  # of one claim
_MIN_SIMILARITY = 0.20  # below it a memory is of something else


def argue(scan: Scan, recalled: tuple[Recalled, ...], side: Side) -> Case | Abstained:
    """The case of one side: heaviest claims first."""
    scales = Scales(scan, recalled)
    drafts: list[tuple[float, Draft]] = []
    for signal in signals(scan):
        for axis in AXES:
            value, conviction = lean(signal, axis)
            rests_on = [scales.evidence[name] for name in signal.evidence if name in scales.evidence]
            spoken = [item for item in rests_on if speaks_on(item, axis)] or rests_on
            weight = scales.weight(side, axis, [item.id for item in spoken], ())
            if SIGN[side] * value <= 0 or not weight:
                continue
            said = [sentence(item, scales.evidence) for item in spoken[:_SENTENCES]]
            facts = "; ".join(words for words, _ in said)
            together = "taken together, " if len(said) > 1 else ""  # one of them may well lean the other way
            quoted = tuple(dict.fromkeys(name for _, names in said for name in names))
            text = (
                f"{signal.analyst.replace('_', ' ').capitalize()}: {facts} → {together}{_axis_words(axis, side)} "
                f"({strength(value, conviction)}, over {signal.horizon} days)."
            )
            drafts.append((weight, Draft(axis=axis, text=text, evidence=quoted, memories=())))
    drafts.sort(key=lambda pair: (-pair[0], pair[1].text))
    made = [draft for _, draft in drafts] + _from_memories(recalled, side, scales)
    return make_case(scan.ticker, side, AUTHOR, made[:MAX_CLAIMS], scales)


def _axis_words(axis: Axis, side: Side) -> str:
    return f"volatility {stance(side, axis)}" if axis == "volatility" else f"price {stance(side, axis)}"


def _from_memories(recalled: tuple[Recalled, ...], side: Side, scales: Scales) -> list[Draft]:
    drafts = []
    for memory in sorted(recalled, key=lambda one: (-one.similarity, one.id)):
        known = remembered(memory.text)
        if known is None or memory.similarity < _MIN_SIMILARITY:
            continue
        for axis in AXES:
            if scales.memory_weight(side, axis, memory.id):
                text = (
                    f"Remembered: a trade on {known.axis} {known.said} in {known.ticker} "
                    f"{'paid' if known.paid else 'lost'} → {_axis_words(axis, side)} (a little)."
                )
                drafts.append(Draft(axis=axis, text=text, evidence=(), memories=(memory.id,)))
    return drafts


def judge(
    scan: Scan,
    bull: Case | Abstained,
    bear: Case | Abstained,
    recalled: tuple[Recalled, ...],
    positions: tuple[Position, ...],
) -> Verdict | Abstained:
    """Weigh both cases per axis. Abstained when nobody argued anything."""
    claims = tuple(claim for case in (bull, bear) if isinstance(case, Case) for claim in case.claims)
    if not claims:
        return Abstained(who="judge", ticker=scan.ticker, why="neither side has a claim: no analyst holds a view")
    scales = Scales(scan, recalled)
    direction, direction_p, direction_why = _rule(claims, scales, "direction")
    volatility, volatility_p, volatility_why = _rule(claims, scales, "volatility")
    winners: list[tuple[Side | None, Axis, float]] = [
        (direction, "direction", direction_p),
        (volatility, "volatility", volatility_p),
    ]
    carried = [(side, axis, p) for side, axis, p in winners if side is not None]
    why = [f"Judged by rules, no model. {direction_why} {volatility_why}", _silent(scan), _held(positions)]
    return Verdict(
        ticker=scan.ticker,
        author=AUTHOR,
        direction=Direction.INCONCLUSIVE if direction is None else Direction(stance(direction, "direction")),
        direction_p=direction_p,
        volatility=Volatility.INCONCLUSIVE if volatility is None else Volatility(stance(volatility, "volatility")),
        volatility_p=volatility_p,
        horizon=_horizon(claims, scales, carried, scan),
        why=" ".join(part for part in why if part),
        claims=tuple(
            claim.id
            for claim in claims
            if claim.weight and any(claim.side is side and claim.axis == axis for side, axis, _ in carried)
        ),
    )


def _rule(claims: tuple[Claim, ...], scales: Scales, axis: Axis) -> tuple[Side | None, float, str]:
    """The winning side of an axis (None: inconclusive), its probability, and why."""
    bull, bear = (scales.support(claims, side, axis) for side in (Side.BULL, Side.BEAR))
    winner, most = (Side.BULL, bull) if bull >= bear else (Side.BEAR, bear)
    up, down = stance(Side.BULL, axis), stance(Side.BEAR, axis)
    sums = f"{axis.capitalize()}: support {bull:.3f} for {up}, {bear:.3f} for {down}"
    if most < MIN_SUPPORT:
        return None, 0.5, f"{sums}: too little to rule on, inconclusive."
    if most < MIN_SHARE * (bull + bear):
        return None, 0.5, f"{sums}: they conflict, inconclusive."
    net = abs(bull - bear)
    p = on_grid(0.5 + (MAX_PROBABILITY - 0.5) * min(1.0, net / _FULL), Unit.PROBABILITY)
    return winner, p, f"{sums} → {stance(winner, axis)} at {100 * p:.1f} %."


def _horizon(claims: tuple[Claim, ...], scales: Scales, carried: list[tuple[Side, Axis, float]], scan: Scan) -> Horizon:
    """That of the heaviest signals behind the most probable view; the composite's when nothing is conclusive."""
    if carried:
        side, axis, _ = max(carried, key=lambda one: one[2])
        found = scales.horizons(claims, side, axis)
        if found:
            return max(HORIZONS, key=lambda days: (found.get(days, 0.0), -days))
    return scan.composite.horizon if scan.composite else 21


def _silent(scan: Scan) -> str:
    names = [reading.analyst for reading in scan.readings if isinstance(reading.signal, Abstained)]
    return f"Abstained: {', '.join(names)}." if names else ""


def _held(positions: tuple[Position, ...]) -> str:
    if not positions:
        return ""
    held = ", ".join(f"{position.name.replace('_', ' ')} ×{position.contracts}" for position in positions)
    return f"Already held: {held}; the view stands apart from it, the gate and the size do not."
