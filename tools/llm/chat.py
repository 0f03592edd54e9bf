"""`ChatModel` over any OpenAI-compatible server, with structured output and every failure made one: ModelFailed."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel

from domain.errors import ModelFailed
from domain.ports import Clock
from tools.clock import SystemClock
from tools.llm.protocol import Method, ReplyStore
from tools.llm.reply import Unusable, parse, text_of

if TYPE_CHECKING:
    from ssl import SSLContext

    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable

Answer = TypeVar("Answer", bound=BaseModel)

_REPAIR = (
    "Your answer could not be used: {why}\nAnswer the same question again, with exactly one JSON object of the schema "
    "that you were given, complete, and with nothing before or after it."
)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_CONTENT_FINISH = ("LengthFinishReasonError", "ContentFilterFinishReasonError")


class OpenAIChat:
    """One model at one server.

    `timeout_s` bounds one attempt, `total_s` the whole question with its retries (of 429 and 5xx, honouring a short
    Retry-After) and its one repair round. `method` is how the schema is asked for: most servers know `json_schema`,
    some only `function_calling`. With `replies`, a usable answer is kept under a hash of its question, and a question
    that has an answer is never asked again; `clock` dates them, by the wall unless another is given.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key: str | None = None,
        timeout_s: float = 60.0,
        *,
        total_s: float | None = None,
        retries: int = 1,
        method: Method = "json_schema",
        temperature: float | None = None,
        replies: ReplyStore | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.name = model
        self._url = base_url
        self._key = api_key or ""
        self._timeout_s = timeout_s
        self._total_s = total_s if total_s is not None else 3 * timeout_s
        self._retries = retries
        self._method: Method = method
        self._temperature = temperature
        self._replies = replies
        self._clock = clock or SystemClock()

    def __repr__(self) -> str:
        return f"OpenAIChat({self.name!r} at {self._url!r})"

    async def ask(self, system: str, user: str, schema: type[Answer]) -> Answer:
        """Ask, check the answer, give the model one chance to repair it. Raises ModelFailed with the reason."""
        question = question_key(self.name, system, user, schema, self._temperature)
        if self._replies is not None and (recorded := await self._replies.get(question)) is not None:
            try:
                return parse(recorded, schema)
            except Unusable as error:
                raise ModelFailed(f"{self.name}: the recorded reply {question[:12]} is broken: {error.why}") from error
        await _warm()
        try:
            async with asyncio.timeout(self._total_s):
                text, answer = await self._converse(system, user, schema)
        except TimeoutError as error:
            raise ModelFailed(f"{self.name}: no usable answer within {self._total_s:g} s") from error
        except Unusable as error:
            raise ModelFailed(f"{self.name}: {self._hidden(error.why)}") from error
        if self._replies is not None:
            await self._replies.put(question, text, self.name, self._clock.now())
        return answer

    async def _converse(self, system: str, user: str, schema: type[Answer]) -> tuple[str, Answer]:
        messages = [("system", system), ("human", user)]
        try:
            text = await self._once(messages, schema)
            return text, parse(text, schema)
        except Unusable as error:
            first = error
        if first.text:
            messages.append(("ai", first.text))
        messages.append(("human", _REPAIR.format(why=first.why)))
        try:
            text = await self._once(messages, schema)
            return text, parse(text, schema)
        except Unusable as error:
            raise Unusable(f"{error.why} (after one repair round; first: {first.why})") from error

    async def _once(self, messages: list[tuple[str, str]], schema: type[BaseModel]) -> str:
        """One exchange. Raises Unusable for what a repair may mend, ModelFailed for what it cannot."""
        import openai

        try:
            message = await self._call(messages, schema)
        except openai.OpenAIError as error:
            if type(error).__name__ in _CONTENT_FINISH:
                raise Unusable("the answer is cut off (length or content filter)") from error
            raise ModelFailed(f"{self.name}: {self._hidden(_said(error))}") from error
        except (ValueError, TypeError, AttributeError, LookupError) as error:
            # The client falls over in these ways when a 200 is no chat completion: HTML, null, broken JSON, no choices.
            what = self._hidden(f"{type(error).__name__}: {error}")
            raise ModelFailed(f"{self.name}: the server's answer is no chat completion ({what[:200]})") from error
        return text_of(message, self._method, schema.__name__)

    async def _call(self, messages: list[tuple[str, str]], schema: type[BaseModel]) -> AIMessage:
        import httpx2
        from langchain_core.utils.function_calling import convert_to_openai_tool
        from langchain_openai import ChatOpenAI
        from langsmith import tracing_context
        from pydantic import SecretStr

        # A proxy of the environment has no business between this machine and itself.
        direct = urlsplit(self._url).hostname in _LOOPBACK
        # A client lives as long as its question: connections never outlive their event loop.
        async with httpx2.AsyncClient(verify=_tls(), timeout=self._timeout_s, trust_env=not direct) as client:
            chat = ChatOpenAI(
                model=self.name,
                base_url=self._url,
                api_key=SecretStr(self._key or "none"),
                timeout=self._timeout_s,
                max_retries=self._retries,
                temperature=self._temperature,
                http_async_client=client,
                http_socket_options=(),
                use_responses_api=False,
            )
            tool = convert_to_openai_tool(schema, strict=True)
            asked: Runnable[Any, AIMessage]
            if self._method == "json_schema":
                function = tool["function"]
                wanted = {"name": function["name"], "schema": function["parameters"], "strict": True}
                asked = chat.bind(response_format={"type": "json_schema", "json_schema": wanted})
            else:
                asked = chat.bind_tools([tool], tool_choice=schema.__name__)
            # Prompts go to the configured server and nowhere else, whatever tracing the environment asks for.
            with tracing_context(enabled=False):
                return await asked.ainvoke(messages)

    def _hidden(self, text: str) -> str:
        """The text without the key: some servers repeat it in their errors."""
        return text.replace(self._key, "***") if self._key else text


@lru_cache(maxsize=1)
def _tls() -> SSLContext:
    """Trusted roots, read once: reading them takes longer than a question to a server on this machine."""
    import httpx2

    return httpx2.create_ssl_context()


async def _warm() -> None:
    """Import the client, about a second of work the first time, outside any question's time limit."""
    await asyncio.to_thread(importlib.import_module, "langchain_openai")
    _tls()


def question_key(model: str, system: str, user: str, schema: type[BaseModel], temperature: float | None = None) -> str:
    """SHA-256 (hex) of everything that makes a question: model, words, schema, temperature. Not where it is asked."""
    parts: Mapping[str, Any] = {
        "model": model,
        "system": system,
        "user": user,
        "schema": schema.model_json_schema(),
        "temperature": temperature,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _said(error: Exception) -> str:
    """What went wrong between us and the server, in one line."""
    status = getattr(error, "status_code", None)
    kind = f"HTTP {status}" if status is not None else type(error).__name__.removeprefix("OpenAI")
    words = " ".join(str(error).split())
    return f"{kind}: {words[:300]}" if words else kind
