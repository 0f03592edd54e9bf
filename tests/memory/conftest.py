"""Fixtures of the memory tests: a store on a database of its own, with vectors that need no model."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

import pytest

from memory.embed import DIMENSIONS
from memory.store import Store, open_store


class WordVectors:
    """Vectors from counted words: texts that share words are near. Fast, and the same on every machine."""

    def __init__(self) -> None:
        self.calls = 0

    def warm(self) -> None:
        """Nothing to load."""

    def embed(self, texts: list[str]) -> list[list[float]]:
        self.calls += 1
        return [self._one(text) for text in texts]

    def _one(self, text: str) -> list[float]:
        vector = [0.0] * DIMENSIONS
        for word in text.lower().split():
            vector[int(hashlib.sha256(word.encode()).hexdigest(), 16) % DIMENSIONS] += 1.0
        norm = sum(x * x for x in vector) ** 0.5
        return [x / norm for x in vector]


@pytest.fixture
async def store(postgres_uri: str) -> AsyncIterator[Store]:
    """Everything the desk keeps, in a database that lives for one test."""
    opened = await open_store(postgres_uri, WordVectors())
    yield opened
    await opened.close()
