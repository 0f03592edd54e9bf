"""The codec round-trips every record there is, refuses what has no form, and gives equal records equal bytes."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import codec
from domain.errors import CodecError
from domain.market import BarSeries, Interval
from domain.units import Unit, on_grid

ROOT = Path(__file__).resolve().parents[2]
for folder in ("domain", "quant", "tools", "agents", "graph", "lab"):
    for path in sorted((ROOT / folder).rglob("*.py")):
        if "@record" in path.read_text():
            import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))

MOMENTS = st.integers(631_152_000, 1_893_456_000).map(lambda second: datetime.fromtimestamp(second, UTC))
LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=8),
    int: st.integers(min_value=-(10**9), max_value=10**9).filter(bool),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    Decimal: st.decimals(min_value=-(10**6), max_value=10**6, places=2),
    datetime: MOMENTS,
    date: st.dates(),
}


def instances(hint: Any) -> st.SearchStrategy[Any]:
    """A strategy for any type that a record may hold."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint in LEAVES:
        return LEAVES[hint]
    if hint is type(None):
        return st.none()
    if origin in (typing.Union, types.UnionType):
        return st.one_of([instances(arg) for arg in args])
    if origin is tuple and args[-1] is Ellipsis:
        return st.lists(instances(args[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*[instances(arg) for arg in args])
    if origin is typing.Literal:
        return st.sampled_from(args)
    if issubclass(hint, StrEnum):
        return st.sampled_from(list(hint))
    hints = typing.get_type_hints(hint)
    positive = st.floats(0.001, 10.0)
    if hint.__name__ == "HestonParams":
        return st.builds(hint, v0=positive, kappa=positive, theta=positive, sigma=positive, rho=st.floats(-0.9, 0.9))
    if hint.__name__ == "Jump":
        return st.builds(hint, intensity=positive, mean=st.floats(-2, 2), sd=positive)
    if hint.__name__ == "BatesParams":
        rest = {name: instances(hints[name]) for name in ("diffusion", "jumps")}
        return st.builds(hint, floor=positive, **rest)
    if hint.__name__ == "Evidence":
        return st.builds(
            lambda a, b, **rest: hint(as_of=max(a, b), known_at=min(a, b), **rest),
            a=MOMENTS,
            b=MOMENTS,
            **{name: instances(h) for name, h in hints.items() if name not in ("as_of", "known_at")},
        )
    return st.builds(hint, **{name: instances(inner) for name, inner in hints.items()})


@pytest.mark.parametrize("cls", codec.record_types(), ids=lambda cls: cls.__name__)
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_every_record_round_trips(cls: type[Any], data: st.DataObject) -> None:
    value = data.draw(instances(cls))
    text = codec.dumps(value)
    again = codec.loads(text, cls)
    assert again == value
    assert codec.dumps(again) == text
    assert codec.digest(again) == codec.digest(value)


def test_equal_money_has_equal_bytes() -> None:
    assert codec.dumps((Decimal("1.20"),)) == codec.dumps((Decimal("1.2"),)) == '["1.2"]'
    assert codec.dumps((Decimal("600"),)) == codec.dumps((Decimal("6E+2"),))


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), Decimal("NaN"), datetime(2026, 1, 1), object(), [1], {"a": 1}],  # noqa: DTZ001
)
def test_what_has_no_form_is_refused(value: object) -> None:
    with pytest.raises(CodecError):
        codec.dumps((value,))


def test_unknown_and_missing_fields_are_refused() -> None:
    from domain.views import Abstained

    text = codec.dumps(Abstained(who="flow", ticker="SPY", why="no chain"))
    with pytest.raises(CodecError, match="no field"):
        codec.loads(text.replace('"why"', '"wherefore"'), Abstained)
    with pytest.raises(CodecError, match="missing"):
        codec.loads('{"type":"Abstained","who":"a","ticker":"b"}', Abstained)


def test_what_was_written_before_a_field_existed_is_read_with_its_default() -> None:
    """Journals outlive versions: a field with a default may be missing, one without may not."""
    from domain.views import Refused

    data = json.loads(codec.dumps(Refused(ticker="SPY", stage="snapshot", reason="old", stale=True)))
    del data["stale"]
    assert codec.loads(json.dumps(data), Refused) == Refused(ticker="SPY", stage="snapshot", reason="old")
    del data["reason"]
    with pytest.raises(CodecError, match=r"Refused\.reason is missing"):
        codec.loads(json.dumps(data), Refused)


def test_packed_arrays_come_back_and_digest_sees_every_value() -> None:
    def series(close: float) -> BarSeries:
        ones = np.ones(3)
        times = np.arange(3, dtype=np.int64)
        return BarSeries(
            ticker="SPY",
            interval=Interval.DAY,
            source="test",
            adjusted=False,
            start=times,
            known_at=times + 1,
            open=ones,
            high=ones,
            low=ones,
            close=ones * close,
            volume=np.array([1.0, np.nan, 3.0]),
        )

    one = series(2.0)
    again = codec.unpack(codec.pack(one))
    for field in dataclasses.fields(one):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(one, field.name))
    assert codec.digest(again) == codec.digest(one)
    assert codec.digest(series(2.0 + 1e-15)) != codec.digest(one)
    with pytest.raises(CodecError):
        codec.unpack(b"nonsense")


def test_grid_makes_last_bits_harmless() -> None:
    assert on_grid(0.1 + 0.2, Unit.VOL) == on_grid(0.3, Unit.VOL)
    assert str(on_grid(-0.00001, Unit.VOL)) == "0.0"
