"""Open a market by its name, as the command line and the settings write it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from domain.errors import BadInput
from domain.ports import Clock, Market
from tools.market.reference import Almanac

if TYPE_CHECKING:
    from tools.market.collecting import Allowed
    from tools.market.live import LiveMarket
    from tools.market.sources.asking import Patience
    from tools.market.sources.protocol import OpenSource

_SIMULATED, _RECORDED = "simulated", "recorded"
LIVE = "live"
_DEFAULT_PRESET, _PLANTED = "fair", "planted"


def open_market(
    name: str, store_dir: Path, default_seed: int, spreads: str = "none", almanac: Almanac | None = None
) -> Market:
    """`simulated`, `simulated:PRESET`, `simulated:PRESET:SEED` (PRESET is fair, vrp or planted:EDGE), `recorded:SET` or
    `recorded:SET:MODEL`.

    The preset is `fair` unless named; `spreads` is the spread model of a recorded set whose name says none, `almanac`
    the reference data beside a store's own (None: the shipped facts). Raises BadInput for any other name, an unknown
    preset or model, and a set that the store does not hold.
    """
    kind, *rest = name.split(":")
    if kind == _SIMULATED and len(rest) <= (3 if rest[:1] == [_PLANTED] else 2):
        from tools.market.simulated.market import SimulatedMarket

        words = 2 if rest[:1] == [_PLANTED] else 1  # a planted edge is part of its preset
        seed = rest[words] if len(rest) > words else str(default_seed)
        if not seed.isdecimal():
            raise BadInput(f"{seed!r} in {name!r} is no seed; write a whole number, as in simulated:vrp:7")
        return SimulatedMarket(":".join(rest[:words]) if rest else _DEFAULT_PRESET, int(seed))
    if kind == _RECORDED and len(rest) in (1, 2) and all(rest):
        from tools.market.recorded import RecordedMarket
        from tools.market.spreads import load
        from tools.market.store import Store

        model = load(Store(store_dir), rest[1] if len(rest) == 2 else spreads)
        return RecordedMarket(store_dir, rest[0], almanac, spreads=model)
    raise BadInput(f"there is no market {name!r}; write live, simulated, simulated:vrp:7 or recorded:SET")


def open_live(
    store_dir: Path,
    clock: Clock,
    allowed: Allowed,
    sources: Mapping[str, OpenSource],
    almanac: Almanac | None,
    *,
    patience: Patience | None = None,
    watch_days: int = 30,
) -> LiveMarket:
    """The market `live`: what the sources say is recorded in the store, and read from there.

    Raises BadInput for an allowed source that is not there.
    """
    from tools.market.collecting import Collector
    from tools.market.live import LiveMarket
    from tools.market.recorded import RecordedMarket
    from tools.market.sources.asking import Asker
    from tools.market.store import Store

    collector = Collector(Store(store_dir), sources, allowed, clock, Asker(clock, patience))
    return LiveMarket(store_dir, collector, clock, lambda name: RecordedMarket(store_dir, name, almanac), watch_days)
