"""Open a market by its name, as the command line and the settings write it."""

from __future__ import annotations

from pathlib import Path

from domain.errors import BadInput
from domain.ports import Market

_SIMULATED, _RECORDED = "simulated", "recorded"
LIVE = "live"
_DEFAULT_PRESET = "fair"


def open_market(name: str, store_dir: Path, default_seed: int) -> Market:
    """`simulated`, `simulated:PRESET`, `simulated:PRESET:SEED` or `recorded:SET`; the preset is `fair` unless named.

    Raises BadInput for any other name, an unknown preset, and a set that the store does not hold.
    """
    kind, *rest = name.split(":")
    if kind == _SIMULATED and len(rest) <= 2:
        from tools.market.simulated.market import SimulatedMarket

        seed = rest[1] if len(rest) == 2 else str(default_seed)
        if not seed.isdecimal():
            raise BadInput(f"{seed!r} in {name!r} is no seed; write a whole number, as in simulated:vrp:7")
        return SimulatedMarket(rest[0] if rest else _DEFAULT_PRESET, int(seed))
    if kind == _RECORDED and len(rest) == 1 and rest[0]:
        from tools.market.recorded import RecordedMarket

        return RecordedMarket(store_dir, rest[0])
    raise BadInput(f"there is no market {name!r}; write simulated, simulated:vrp:7 or recorded:SET")
