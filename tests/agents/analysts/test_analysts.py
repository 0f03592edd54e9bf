"""What holds of all four analysts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from agents.analysts import ANALYSTS
from domain import views
from domain.codec import dumps, loads
from domain.market import MarketSnapshot
from domain.views import Abstained, Reading, Signal
from quant.surface import Surface, fit

Spoil = Callable[..., MarketSnapshot]


def surface_of(snapshot: MarketSnapshot) -> Surface | None:
    return None if snapshot.chain is None else fit(snapshot.chain, snapshot.as_of, snapshot.rates)


def test_the_registry_is_the_domain_s() -> None:
    assert tuple(ANALYSTS) == views.ANALYSTS


@pytest.mark.parametrize("name", views.ANALYSTS)
def test_a_whole_snapshot_gives_a_signal_that_rests_on_its_own_evidence(name: str, snapshot: MarketSnapshot) -> None:
    reading = ANALYSTS[name](snapshot, surface_of(snapshot))
    assert reading.analyst == name
    assert isinstance(reading.signal, Signal)
    ids = [item.id for item in reading.evidence]
    assert len(ids) == len(set(ids)) > 0
    assert set(reading.signal.evidence) <= set(ids)
    assert reading.signal.evidence
    for item in reading.evidence:
        assert item.id == f"SPX/{name}/{item.name}"
        assert item.known_at <= item.as_of == snapshot.as_of
    signal = reading.signal
    assert -1.0 <= signal.direction <= 1.0
    assert -1.0 <= signal.volatility <= 1.0
    assert 0.0 <= signal.direction_conviction <= 1.0
    assert 0.0 <= signal.volatility_conviction <= 1.0
    assert loads(dumps(reading), Reading) == reading


@pytest.mark.parametrize("name", views.ANALYSTS)
def test_the_same_snapshot_gives_the_same_reading(name: str, snapshot: MarketSnapshot) -> None:
    surface = surface_of(snapshot)
    assert dumps(ANALYSTS[name](snapshot, surface)) == dumps(ANALYSTS[name](snapshot, surface))


@pytest.mark.parametrize("name", views.ANALYSTS)
def test_an_empty_snapshot_makes_everyone_abstain_with_a_reason(name: str, spoiled: Spoil) -> None:
    bare = spoiled(chain=None, daily=None, vix_history=None, indices=(), rates=None, social=None)
    reading = ANALYSTS[name](bare, None)
    assert isinstance(reading.signal, Abstained)
    assert (reading.signal.who, reading.signal.ticker) == (name, "SPX")
    assert reading.signal.why
    assert reading.evidence == ()


@pytest.mark.parametrize("name", views.ANALYSTS)
def test_evidence_is_known_when_its_datum_is(name: str, snapshot: MarketSnapshot) -> None:
    assert snapshot.chain is not None
    assert snapshot.daily is not None
    assert snapshot.social is not None
    moments = {
        snapshot.chain.known_at.timestamp(),
        float(snapshot.daily.known_at[-1]),
        snapshot.social.known_at.timestamp(),
        snapshot.indices[0].known_at.timestamp(),
    }
    for item in ANALYSTS[name](snapshot, surface_of(snapshot)).evidence:
        assert item.known_at.timestamp() in moments
        assert item.known_at < snapshot.as_of


def test_a_bar_known_only_tomorrow_is_refused_not_used(snapshot: MarketSnapshot, spoiled: Spoil) -> None:
    """The market never hands over such a bar; if one slipped in, evidence made of it can't be written down."""
    daily = snapshot.daily
    assert daily is not None
    known = daily.known_at.copy()
    known[-1] = int(snapshot.as_of.timestamp()) + 3_600
    late = spoiled(
        daily=type(daily)(**{f: getattr(daily, f) for f in daily.__dataclass_fields__} | {"known_at": known})
    )
    with pytest.raises(ValueError, match="after"):
        ANALYSTS["technical"](late, None)


@pytest.mark.parametrize("name", views.ANALYSTS)
def test_the_order_of_rows_changes_nothing(name: str, snapshot: MarketSnapshot, spoiled: Spoil) -> None:
    chain = snapshot.chain
    assert chain is not None
    back = np.arange(len(chain))[::-1]
    columns = {
        field: getattr(chain, field)[back]
        for field in chain.__dataclass_fields__
        if isinstance(getattr(chain, field), np.ndarray)
    }
    turned = spoiled(chain_fields=columns)
    assert dumps(ANALYSTS[name](turned, surface_of(turned))) == dumps(ANALYSTS[name](snapshot, surface_of(snapshot)))
