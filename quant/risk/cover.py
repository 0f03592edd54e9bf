"""Which short options stand uncovered.

A short call is covered one for one by a long call of the same or a later settlement and no higher strike, by a long
call of the *same* settlement at a higher strike (the gap is then part of the stated maximum loss, which the gate
computes anew), or by shares. A short put likewise by a long put of the same or a later settlement and no lower
strike, or of the same settlement at a lower one; otherwise by cash for its whole assignment.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from domain.structures import Option, Right, Shares
from quant.risk.worst import Held


class Naked(NamedTuple):
    """What is left uncovered on one underlying."""

    shares: int  # shares sold, or callable by uncovered short calls, beyond those held
    cash: Decimal  # dollars that assignment of uncovered short puts would take


def naked(held: Held) -> Naked:
    """Uncovered shorts of legs on ONE underlying, matched so that as few as possible stay uncovered."""
    calls = _uncovered([(o, q) for o, q in held.items() if isinstance(o, Option) and o.right == Right.CALL])
    puts = _uncovered([(o, q) for o, q in held.items() if isinstance(o, Option) and o.right == Right.PUT])
    owned = sum(q for o, q in held.items() if isinstance(o, Shares))
    called = sum(count * option.multiplier for option, count in calls)
    cash = sum((count * option.multiplier * option.strike for option, count in puts), Decimal(0))
    return Naked(max(0, called - owned), cash)


def _covers(long: Option, short: Option) -> bool:
    if long.multiplier != short.multiplier or long.settles_at < short.settles_at:
        return False
    if long.settles_at == short.settles_at:
        return True
    return long.strike <= short.strike if short.right == Right.CALL else long.strike >= short.strike


def _uncovered(options: list[tuple[Option, int]]) -> list[tuple[Option, int]]:
    """Greatest matching of shorts to longs by augmenting paths; dear shorts are matched first."""
    shorts = sorted(((o, -q) for o, q in options if q < 0), key=lambda one: one[0].strike, reverse=True)
    longs = [(o, q) for o, q in options if q > 0]
    flow = [[0] * len(longs) for _ in shorts]
    free = [quantity for _, quantity in longs]

    def augment(short: int, seen: set[int]) -> bool:
        for index, (option, _) in enumerate(longs):
            if index in seen or not _covers(option, shorts[short][0]):
                continue
            seen.add(index)
            if free[index]:
                free[index] -= 1
                flow[short][index] += 1
                return True
            for other in range(len(shorts)):
                if other != short and flow[other][index] and augment(other, seen):
                    flow[other][index] -= 1
                    flow[short][index] += 1
                    return True
        return False

    left = []
    for index, (option, quantity) in enumerate(shorts):
        covered = 0
        while covered < quantity and augment(index, set()):
            covered += 1
        if covered < quantity:
            left.append((option, quantity - covered))
    return left
