"""The one owner of worker threads. Nodes are async and never compute: pure work goes through `Compute.run`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Compute:
    """A small thread pool. Results do not depend on its size: work is pure and its order of reduction is fixed."""

    def __init__(self, threads: int = 2) -> None:
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="compute")

    async def run(self, fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run pure work in the pool and wait for it without blocking the loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: fn(*args, **kwargs))

    def own_loop(self) -> None:
        """Make the pool the running loop's executor too, so that `asyncio.to_thread` starts no threads of its own."""
        asyncio.get_running_loop().set_default_executor(self._pool)

    def close(self) -> None:
        """Wait for running work and stop the threads."""
        self._pool.shutdown(wait=True)
