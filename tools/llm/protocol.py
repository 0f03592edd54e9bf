"""What a model's client asks of others: where replies are kept, so that a recorded one can be replayed."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Protocol

Method = Literal["json_schema", "function_calling"]


class ReplyStore(Protocol):
    """Usable replies by the content hash of their question."""

    async def get(self, key: str) -> str | None:
        """The reply recorded under this key; None when the question was never answered."""
        ...

    async def put(self, key: str, text: str, model: str, at: datetime) -> None:
        """Record a reply and when it came. Putting the same key again changes nothing."""
        ...
