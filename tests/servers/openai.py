"""An OpenAI-compatible chat server on loopback whose behaviour is scripted per request, and which keeps what it got."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

Request = dict[str, Any]
Behaviour = Callable[[Request], Awaitable[web.StreamResponse]]


def schema_name(request: Request) -> str:
    """The name of the schema that the client asks for, under either method."""
    if "response_format" in request:
        return str(request["response_format"]["json_schema"]["name"])
    return str(request["tools"][0]["function"]["name"])


def text_of(request: Request) -> str:
    """All words of a request."""
    return "\n".join(str(message["content"]) for message in request["messages"])


def completion(request: Request, message: dict[str, Any], finish: str | None = "stop") -> web.Response:
    choice: dict[str, Any] = {"index": 0, "message": {"role": "assistant", **message}}
    if finish is not None:
        choice["finish_reason"] = finish
    body = {"id": "c-1", "object": "chat.completion", "created": 1, "model": request["model"], "choices": [choice]}
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    return web.json_response({**body, "usage": usage})


def say(answer: object) -> Behaviour:
    """A good reply: the answer (an object, or text as it is) in the form that was asked for."""

    async def behave(request: Request) -> web.Response:
        text = answer if isinstance(answer, str) else json.dumps(answer)
        if "tools" not in request:
            return completion(request, {"content": text})
        call = {"id": "call-1", "type": "function", "function": {"name": schema_name(request), "arguments": text}}
        return completion(request, {"content": None, "tool_calls": [call]}, "tool_calls")

    return behave


def prose(text: str, finish: str | None = "stop") -> Behaviour:
    """Plain content, whatever was asked for, with a finish reason of choice."""

    async def behave(request: Request) -> web.Response:
        return completion(request, {"content": text}, finish)

    return behave


def refuse(words: str = "I can't help with that") -> Behaviour:
    async def behave(request: Request) -> web.Response:
        return completion(request, {"content": None, "refusal": words})

    return behave


def empty() -> Behaviour:
    """A choice whose content is null."""

    async def behave(request: Request) -> web.Response:
        return completion(request, {"content": None})

    return behave


def status(code: int, message: str = "scripted", **headers: str) -> Behaviour:
    async def behave(request: Request) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.json_response({"error": {"message": message, "type": "scripted"}}, status=code, headers=named)

    return behave


def raw(body: str, content_type: str = "application/json") -> Behaviour:
    async def behave(request: Request) -> web.Response:
        return web.Response(text=body, content_type=content_type)

    return behave


def hang() -> Behaviour:
    async def behave(request: Request) -> web.Response:
        await asyncio.sleep(3600)
        raise AssertionError("nobody waits an hour")

    return behave


class LoopbackOpenAI:
    """Serves in the running loop. Behaviours of `script` are used up in order, then `route` (or the last) answers."""

    def __init__(self, *script: Behaviour, route: Callable[[Request], Behaviour] | None = None) -> None:
        self._script = list(script)
        self._route = route
        self.requests: list[Request] = []
        self.keys: list[str] = []
        self.url = ""

    async def _chat(self, http: web.Request) -> web.StreamResponse:
        request: Request = await http.json()
        self.requests.append(request)
        self.keys.append(http.headers.get("Authorization", ""))
        if self._route is not None:
            return await self._route(request)(request)
        behave = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        return await behave(request)

    async def __aenter__(self) -> LoopbackOpenAI:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._chat)
        self._runner = web.AppRunner(app, shutdown_timeout=0.05)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
