"""The one canonical form of every record: JSON for records, one packed blob for columnar data.

Checkpoints, the decision log, cassettes and every hash use these two forms and no other. The registry is closed:
only classes made with `record` or `columnar` have a form. Equal records have equal bytes, so `digest` identifies them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import struct
import types
import typing
import zlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

from domain.errors import CodecError

if TYPE_CHECKING:
    import numpy as np

T = TypeVar("T")

_RECORDS: dict[str, type[Any]] = {}
_COLUMNAR: dict[str, type[Any]] = {}
_MAGIC = b"PLY1"


@dataclass_transform(frozen_default=True, kw_only_default=True)
def record(cls: type[T]) -> type[T]:
    """Make a frozen, slotted, keyword-only dataclass and enter it in the registry under its name."""
    made = dataclasses.dataclass(frozen=True, slots=True, kw_only=True)(cls)
    if cls.__name__ in _RECORDS and _RECORDS[cls.__name__].__module__ != cls.__module__:
        raise CodecError(f"two records are called {cls.__name__}; names are unique")
    _RECORDS[cls.__name__] = made
    return made


@dataclass_transform(frozen_default=True, kw_only_default=True, eq_default=False)
def columnar(cls: type[T]) -> type[T]:
    """Make a frozen dataclass that may hold numpy arrays; it has a packed form and a content hash, no JSON form."""
    made = dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)(cls)
    _COLUMNAR[cls.__name__] = made
    return made


def record_types() -> tuple[type[Any], ...]:
    """All registered record classes, by name."""
    return tuple(_RECORDS[name] for name in sorted(_RECORDS))


def is_record(value: object) -> bool:
    """True for an instance of a registered record."""
    return _RECORDS.get(type(value).__name__) is type(value)


_HINTS: dict[type[Any], dict[str, Any]] = {}


def _hints(cls: type[Any]) -> dict[str, Any]:
    if cls not in _HINTS:
        _HINTS[cls] = typing.get_type_hints(cls)
    return _HINTS[cls]


def to_data(value: Any) -> Any:
    """A record, tuple or scalar of the closed set as plain JSON data. Raises CodecError naming the field."""
    if value is None or (isinstance(value, bool | str) and not isinstance(value, StrEnum)):
        return value
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise CodecError(f"{value} may not stand in a record")
        return value + 0.0
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise CodecError(f"{value} may not stand in a record")
        return format(value.normalize() + Decimal(0), "f")
    if isinstance(value, datetime):
        if value.utcoffset() != timedelta(0):
            raise CodecError(f"{value!r} is not aware UTC")
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [to_data(item) for item in value]
    if is_record(value):
        data: dict[str, Any] = {"type": type(value).__name__}
        for field in dataclasses.fields(value):
            try:
                data[field.name] = to_data(getattr(value, field.name))
            except CodecError as error:
                raise CodecError(f"{type(value).__name__}.{field.name}: {error}") from error
        return data
    raise CodecError(f"{type(value).__name__} has no canonical form; make it a record")


def from_data(data: Any, hint: Any) -> Any:
    """The inverse of `to_data`, directed by a type hint. Raises CodecError when data and hint disagree."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return _from_union(data, typing.get_args(hint))
    if origin is tuple:
        return _from_list(data, typing.get_args(hint))
    if origin is typing.Literal:
        if data not in typing.get_args(hint):
            raise CodecError(f"{data!r} is none of {typing.get_args(hint)}")
        return data
    if hint in _RECORDS.values():
        return _from_record(data, hint)
    return _from_scalar(data, hint)


def _from_union(data: Any, options: tuple[Any, ...]) -> Any:
    if data is None and type(None) in options:
        return None
    if isinstance(data, dict) and "type" in data:
        for option in options:
            if isinstance(option, type) and option.__name__ == data["type"]:
                return _from_record(data, option)
    scalars = [option for option in options if option is not type(None) and option not in _RECORDS.values()]
    for option in scalars:
        try:
            return from_data(data, option)
        except CodecError:
            continue
    raise CodecError(f"{str(data)[:80]} fits none of {options}")


def _from_list(data: Any, items: tuple[Any, ...]) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise CodecError(f"expected a list, not {str(data)[:80]}")
    if len(items) == 2 and items[1] is Ellipsis:
        return tuple(from_data(item, items[0]) for item in data)
    if len(items) != len(data):
        raise CodecError(f"expected {len(items)} items, not {len(data)}")
    return tuple(from_data(item, hint) for item, hint in zip(data, items, strict=True))


def _from_record(data: Any, cls: type[Any]) -> Any:
    if not isinstance(data, dict) or data.get("type") != cls.__name__:
        raise CodecError(f"expected a {cls.__name__}, not {str(data)[:80]}")
    hints = _hints(cls)
    unknown = set(data) - set(hints) - {"type"}
    if unknown:
        raise CodecError(f"{cls.__name__} has no field {sorted(unknown)}")
    values = {}
    defaults = {f.name for f in dataclasses.fields(cls) if f.default is not dataclasses.MISSING}
    for name, hint in hints.items():
        if name not in data and name in defaults:
            continue  # written before the record had this field
        if name not in data:
            raise CodecError(f"{cls.__name__}.{name} is missing")
        try:
            values[name] = from_data(data[name], hint)
        except CodecError as error:
            raise CodecError(f"{cls.__name__}.{name}: {error}") from error
    return cls(**values)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


_FROM_TEXT: dict[type[Any], Callable[[str], Any]] = {Decimal: Decimal, datetime: _utc, date: date.fromisoformat}


def _from_scalar(data: Any, hint: Any) -> Any:
    if hint in _FROM_TEXT:
        if not isinstance(data, str):
            raise CodecError(f"expected text for {hint.__name__}, not {data!r}")
        try:
            return _FROM_TEXT[hint](data)
        except (ValueError, ArithmeticError) as error:
            raise CodecError(f"{data!r} is no {hint.__name__}") from error
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        try:
            return hint(data)
        except ValueError as error:
            raise CodecError(f"{data!r} is no {hint.__name__}") from error
    if hint is float and isinstance(data, int | float) and not isinstance(data, bool):
        return float(data)
    if hint is int and isinstance(data, int) and not isinstance(data, bool):
        return data
    if hint in (str, bool) and isinstance(data, hint):
        return data
    raise CodecError(f"expected {hint}, not {str(data)[:80]}")


def _dumps(data: Any) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def dumps(value: Any) -> str:
    """Canonical JSON of a record (or tuple of records): sorted keys, no spaces, UTF-8, shortest floats."""
    return _dumps(to_data(value))


def loads(text: str | bytes, hint: type[T]) -> T:
    """Read canonical JSON as the given type."""
    return typing.cast(T, from_data(json.loads(text), hint))


def from_tagged(data: Any) -> Any:
    """A record from its own type tag, for callers that hold many types (the checkpoint serialiser, the journal)."""
    name = data.get("type") if isinstance(data, dict) else None
    if name not in _RECORDS:
        raise CodecError(f"{name!r} is no registered record")
    return _from_record(data, _RECORDS[name])


def digest(value: Any) -> str:
    """SHA-256 (hex) of the canonical JSON of a record, or of the unpacked content of columnar data."""
    if type(value).__name__ in _COLUMNAR:
        header, blobs = _flatten(value)
        content = hashlib.sha256(_dumps(header).encode())
        for blob in blobs:
            content.update(blob)
        return content.hexdigest()
    return hashlib.sha256(dumps(value).encode()).hexdigest()


def _flatten(value: Any) -> tuple[Any, list[bytes]]:
    import numpy as np

    blobs: list[bytes] = []

    def walk(item: Any) -> Any:
        if isinstance(item, np.ndarray):
            array = np.ascontiguousarray(item)
            if array.dtype.kind == "O":
                raise CodecError("object arrays have no packed form")
            blobs.append(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
            return {"$array": len(blobs) - 1, "dtype": array.dtype.newbyteorder("<").str, "shape": list(array.shape)}
        if _COLUMNAR.get(type(item).__name__) is type(item):
            fields = {field.name: walk(getattr(item, field.name)) for field in dataclasses.fields(item)}
            return {"$columnar": type(item).__name__, "fields": fields}
        if isinstance(item, tuple) and any(_COLUMNAR.get(type(part).__name__) is type(part) for part in item):
            return {"$items": [walk(part) for part in item]}
        return to_data(item)

    return walk(value), blobs


def pack(value: Any) -> bytes:
    """The packed form of columnar data: header JSON and little-endian arrays, zlib-compressed."""
    header, blobs = _flatten(value)
    text = _dumps(header).encode()
    sizes = struct.pack(f"<I{len(blobs)}Q", len(blobs), *(len(blob) for blob in blobs))
    body = struct.pack("<Q", len(text)) + text + sizes + b"".join(blobs)
    return _MAGIC + zlib.compress(body, 1)


def unpack(blob: bytes) -> Any:
    """The inverse of `pack`; arrays come back read-only. Raises CodecError for anything else."""
    import numpy as np

    if blob[:4] != _MAGIC:
        raise CodecError("not packed columnar data")
    body = memoryview(zlib.decompress(blob[4:]))
    (size,) = struct.unpack_from("<Q", body)
    header = json.loads(bytes(body[8 : 8 + size]))
    at = 8 + size
    (count,) = struct.unpack_from("<I", body, at)
    lengths = struct.unpack_from(f"<{count}Q", body, at + 4)
    at += 4 + 8 * count
    arrays: list[memoryview] = []
    for length in lengths:
        arrays.append(body[at : at + length])
        at += length

    def walk(data: Any, hint: Any) -> Any:
        if isinstance(data, dict) and "$array" in data:
            flat: np.ndarray[Any, Any] = np.frombuffer(arrays[data["$array"]], dtype=data["dtype"])
            return flat.reshape(data["shape"])
        if isinstance(data, dict) and "$columnar" in data:
            cls = _COLUMNAR[data["$columnar"]]
            hints = _hints(cls)
            return cls(**{name: walk(part, hints[name]) for name, part in data["fields"].items()})
        if isinstance(data, dict) and "$items" in data:
            return tuple(walk(part, None) for part in data["$items"])
        return from_data(data, hint)

    return walk(header, None)
