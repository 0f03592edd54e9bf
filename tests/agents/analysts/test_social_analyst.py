"""social: a burst speaks for cheap volatility and nothing else; without fresh counts it abstains."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta

import pytest

from agents.analysts.social import CAP, read
from domain.errors import DataError
from domain.market import Interval, MarketSnapshot, SocialCounts
from domain.views import Abstained, Signal

Spoil = Callable[..., MarketSnapshot]
Counts = Callable[..., SocialCounts]


def test_ordinary_attention_leans_nowhere(snapshot: MarketSnapshot) -> None:
    reading = read(snapshot, None)
    assert isinstance(reading.signal, Signal)
    assert (reading.signal.volatility, reading.signal.volatility_conviction) == (0.0, 0.0)
    assert reading.evidence[0].id == "SPX/social/mention_velocity"
    assert reading.evidence[0].value == pytest.approx(1.0, abs=0.1)


def test_a_burst_speaks_for_cheap_within_its_cap(spoiled: Spoil, make_counts: Counts) -> None:
    signal = read(spoiled(social=make_counts(last=10_000.0)), None).signal
    assert isinstance(signal, Signal)
    assert signal.volatility < -0.9
    assert signal.volatility_conviction == CAP
    assert (signal.direction, signal.direction_conviction) == (0.0, 0.0)


def test_no_counts_old_counts_few_counts_abstain(snapshot: MarketSnapshot, spoiled: Spoil) -> None:
    counts = snapshot.social
    assert counts is not None
    old = dataclasses.replace(counts, times=tuple(t - timedelta(days=10) for t in counts.times))
    few = dataclasses.replace(counts, times=counts.times[-5:], mentions=counts.mentions[-5:], totals=counts.totals[-5:])
    empty = dataclasses.replace(counts, times=(), mentions=(), totals=())
    odd = dataclasses.replace(counts, interval=Interval.MINUTE)
    for social in (None, old, few, empty, odd):
        reading = read(spoiled(social=social), None)
        assert isinstance(reading.signal, Abstained)
        assert reading.signal.why


def test_counts_that_contradict_themselves_fail_the_ticker(snapshot: MarketSnapshot, spoiled: Spoil) -> None:
    counts = snapshot.social
    assert counts is not None
    negative = dataclasses.replace(counts, mentions=(-1.0, *counts.mentions[1:]))
    backwards = dataclasses.replace(counts, times=(counts.times[-1], *counts.times[1:]))
    short = dataclasses.replace(counts, totals=counts.totals[1:])
    for social in (negative, backwards, short):
        with pytest.raises(DataError, match="contradict"):
            read(spoiled(social=social), None)
