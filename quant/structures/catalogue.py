"""The eleven structures: their shapes as data, and the two ways to make one, from strikes or from legs.

A shape is written once, for calls or puts, as legs (right, quantity, strike slot, expiry slot); strike slots ascend.
"""

from __future__ import annotations

from itertools import pairwise, permutations
from typing import NamedTuple

from domain.errors import BadInput
from domain.structures import Leg, Option, Right, Structure, StructureName

C, P = Right.CALL, Right.PUT


class ShapeLeg(NamedTuple):
    """One leg of a shape; `strike` and `expiry` are slots."""

    right: Right
    quantity: int
    strike: int
    expiry: int


class Shape(NamedTuple):
    """A variant of a structure; strike slots and expiry slots ascend strictly."""

    name: StructureName
    legs: tuple[ShapeLeg, ...]


def _shape(name: StructureName, *legs: tuple[Right, int, int, int]) -> Shape:
    made = tuple(ShapeLeg(*leg) for leg in legs)
    return Shape(name, made)


N = StructureName
SHAPES: dict[StructureName, tuple[Shape, ...]] = {
    N.BULL_CALL_SPREAD: (_shape(N.BULL_CALL_SPREAD, (C, 1, 0, 0), (C, -1, 1, 0)),),
    N.BEAR_PUT_SPREAD: (_shape(N.BEAR_PUT_SPREAD, (P, -1, 0, 0), (P, 1, 1, 0)),),
    N.BULL_PUT_SPREAD: (_shape(N.BULL_PUT_SPREAD, (P, 1, 0, 0), (P, -1, 1, 0)),),
    N.BEAR_CALL_SPREAD: (_shape(N.BEAR_CALL_SPREAD, (C, -1, 0, 0), (C, 1, 1, 0)),),
    N.IRON_CONDOR: (_shape(N.IRON_CONDOR, (P, 1, 0, 0), (P, -1, 1, 0), (C, -1, 2, 0), (C, 1, 3, 0)),),
    N.IRON_BUTTERFLY: (_shape(N.IRON_BUTTERFLY, (P, 1, 0, 0), (P, -1, 1, 0), (C, -1, 1, 0), (C, 1, 2, 0)),),
    N.CALENDAR: tuple(_shape(N.CALENDAR, (right, -1, 0, 0), (right, 1, 0, 1)) for right in (C, P)),
    N.DIAGONAL: (
        _shape(N.DIAGONAL, (C, 1, 0, 1), (C, -1, 1, 0)),
        _shape(N.DIAGONAL, (P, -1, 0, 0), (P, 1, 1, 1)),
    ),
    N.BROKEN_WING_BUTTERFLY: tuple(
        _shape(N.BROKEN_WING_BUTTERFLY, (right, 1, 0, 0), (right, -2, 1, 0), (right, 1, 2, 0)) for right in (C, P)
    ),
    N.LONG_STRADDLE: (_shape(N.LONG_STRADDLE, (P, 1, 0, 0), (C, 1, 0, 0)),),
    N.LONG_STRANGLE: (_shape(N.LONG_STRANGLE, (P, 1, 0, 0), (C, 1, 1, 0)),),
}


def shape_of(name: StructureName, right: Right | None = None) -> Shape:
    """The shape of a structure; `right` chooses calls or puts where it has both. Raises BadInput without it there."""
    variants = SHAPES[name]
    if len(variants) == 1:
        return variants[0]
    if right is None:
        raise BadInput(f"{name} is built of calls or of puts; say which")
    return variants[0] if right is C else variants[1]


def from_options(name: StructureName, options: tuple[Option, ...], right: Right | None = None) -> Structure:
    """A structure from its options, in the order of the shape's legs; validated. Raises BadInput for wrong geometry."""
    shape = shape_of(name, right)
    if len(options) != len(shape.legs):
        raise BadInput(f"{name} has {len(shape.legs)} legs, {len(options)} options were given")
    legs = tuple(Leg(instrument=o, quantity=leg.quantity) for o, leg in zip(options, shape.legs, strict=True))
    structure = Structure(name=name, ticker=options[0].ticker, legs=legs)
    validate(structure)
    return structure


def _fits(shape: Shape, legs: tuple[tuple[Option, int], ...]) -> str:
    """ "" when the legs have this shape, else what is wrong."""
    if len(legs) != len(shape.legs):
        return f"{len(legs)} legs instead of {len(shape.legs)}"
    strikes: dict[int, object] = {}
    expiries: dict[int, object] = {}
    for (option, quantity), wanted in zip(legs, shape.legs, strict=True):
        if option.right is not wanted.right or quantity != wanted.quantity:
            return f"{quantity:+d} {option.right} where {wanted.quantity:+d} {wanted.right} belongs"
        if strikes.setdefault(wanted.strike, option.strike) != option.strike:
            return "two legs that share a strike differ in it"
        if expiries.setdefault(wanted.expiry, option.settles_at) != option.settles_at:
            return "two legs that share an expiry differ in it"
    for slots, what in ((strikes, "strikes"), (expiries, "expiries")):
        values = [slots[slot] for slot in sorted(slots)]
        if any(not a < b for a, b in pairwise(values)):  # type: ignore[operator]
            return f"{what} do not ascend"
    if shape.name is N.BROKEN_WING_BUTTERFLY:
        low, body, high = (leg[0].strike for leg in legs)
        if body - low == high - body:
            return "both wings are equal: a plain butterfly"
    return ""


def validate(structure: Structure) -> None:
    """Raises BadInput unless the legs are options on one underlying in the geometry that the name promises."""
    legs = []
    for leg in structure.legs:
        if not isinstance(leg.instrument, Option):
            raise BadInput(f"{structure.name} is made of options only")
        if leg.instrument.ticker != structure.ticker:
            raise BadInput(f"{structure.name} on {structure.ticker} holds a leg on {leg.instrument.ticker}")
        legs.append((leg.instrument, leg.quantity))
    if len({option.multiplier for option, _ in legs}) != 1:
        raise BadInput(f"{structure.name}: the legs' multipliers differ")
    wrong = [_fits(shape, tuple(legs)) for shape in SHAPES[structure.name]]
    if all(wrong):
        raise BadInput(f"no {structure.name}: {wrong[-1] if len(wrong) == 1 else '; '.join(wrong)}")


def is_made(name: StructureName, legs: tuple[Leg, ...]) -> bool:
    """True when legs, in any order, make this structure (once: the quantities are those of its shape)."""
    options = [(leg.instrument, leg.quantity) for leg in legs if isinstance(leg.instrument, Option)]
    if len(options) != len(legs) or len({(option.ticker, option.multiplier) for option, _ in options}) != 1:
        return False
    return any(not _fits(shape, tuple(order)) for shape in SHAPES[name] for order in permutations(options))
