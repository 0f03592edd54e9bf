"""Chance: the only owner of random numbers. Seeded streams for simulation, unguessable tokens for identity."""

from __future__ import annotations

import hashlib
import secrets  # noqa: TID251 - this module owns randomness
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ALPHABET = "abcdefghjkmnpqrstvwxyz23456789"


def _key(seed: int, keys: tuple[int | str, ...], size: int) -> int:
    text = "\x1f".join([str(int(seed)), *(f"{type(key).__name__}:{key}" for key in keys)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:size], "little")


def generator(seed: int, *keys: int | str) -> np.random.Generator:  # noqa: TID251 - owned here
    """A counter-based (Philox 4x64) numpy generator; equal (seed, keys) give equal streams on every machine.

    `keys` name independent streams under one seed: a ticker, a day, a purpose.
    """
    import numpy as np

    return np.random.Generator(np.random.Philox(key=_key(seed, keys, 16)))  # noqa: TID251 - owned here


def uniforms(seed: int, keys: tuple[int | str, ...], *counters: NDArray[np.int64]) -> NDArray[np.float64]:
    """Uniforms in (0, 1) addressed by integers: the value at (seed, keys, counters) never depends on its neighbours.

    `counters` broadcast against each other and give the result its shape. The mixing function is SplitMix64's
    (Steele, Lea, Flood 2014), applied once per counter. For scatter in simulated quotes and counts, not for paths.
    """
    import numpy as np

    state = np.zeros(np.broadcast_shapes(*(counter.shape for counter in counters)), dtype=np.uint64)
    state += np.uint64(_key(seed, keys, 8))
    for counter in counters:
        state = _mix(state ^ _mix(counter.astype(np.uint64)))
    return ((state >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    import numpy as np

    state = state + np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


def nonce() -> str:
    """An unguessable token, unique for all practical purposes (128 bits, hex)."""
    return secrets.token_hex(16)


def suffix(length: int = 5) -> str:
    """A short random ending for an id that people type; letters and digits that are not mistaken for each other."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def jitter() -> float:
    """A fresh uniform in [0, 1), unlike any other process's: it spreads out the retries of many askers."""
    return secrets.randbelow(2**53) / 2.0**53
