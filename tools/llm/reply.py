"""Read one answer of a model server: the text that should be JSON, and whether it is the schema's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from tools.llm.protocol import Method

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

Answer = TypeVar("Answer", bound=BaseModel)

_QUOTED = 700  # characters of an error or of a bad reply that are kept


class Unusable(Exception):
    """The server answered, and the answer is no use; `text` is what it said. Never leaves tools/llm."""

    def __init__(self, why: str, text: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.text = text


def text_of(message: AIMessage, method: Method, name: str) -> str:
    """The JSON text that a message carries, under either method.

    Raises Unusable for a refusal, for an answer that did not end by itself (length, filter, no reason given) and for
    one that carries nothing, or no call of the one function.
    """
    said = message.content if isinstance(message.content, str) else ""
    refusal = message.additional_kwargs.get("refusal")
    if refusal:
        raise Unusable(f"it refused: {str(refusal)[:_QUOTED]}")
    finish = message.response_metadata.get("finish_reason")
    if finish not in ("stop", "tool_calls"):
        raise Unusable(f"the answer is cut off (finish_reason {finish})", said[:_QUOTED])
    if method == "json_schema":
        if not said.strip():
            raise Unusable("the answer is empty")
        return said
    whole = [json.dumps(call["args"]) for call in message.tool_calls if call["name"] == name]
    broken = [call["args"] or "" for call in message.invalid_tool_calls if call["name"] == name]
    texts = whole + broken
    if len(texts) != 1:
        raise Unusable(f"expected one call of {name}, got {len(texts)}", said[:_QUOTED])
    return texts[0]


def parse(text: str, schema: type[Answer]) -> Answer:
    """The text as the schema, strictly: no coercion of types. Raises Unusable with what is wrong, field by field."""
    try:
        return schema.model_validate_json(text, strict=True)
    except ValidationError as error:
        faults = [
            f"{'.'.join(str(part) for part in fault['loc']) or 'answer'}: {fault['msg']}" for fault in error.errors()
        ]
        raise Unusable("; ".join(faults)[:_QUOTED], text[: 4 * _QUOTED]) from error
