"""A loopback server of scripted behaviours by path, which keeps what it was asked: the base of the sources' servers."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable
from typing import Any, Self

from aiohttp import web

Behaviour = Callable[[web.Request], Awaitable[web.StreamResponse]]


def say(answer: Any) -> Behaviour:
    """JSON, NaN and all."""
    return raw(json.dumps(answer).encode())


def raw(body: bytes, content_type: str = "application/json") -> Behaviour:
    async def behave(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type=content_type)

    return behave


def half(answer: Any) -> Behaviour:
    """The first half of a payload, sent as if it were the whole."""
    body = json.dumps(answer).encode()
    return raw(body[: len(body) // 2])


def status(code: int, **headers: str) -> Behaviour:
    async def behave(_: web.Request) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=code, headers=named, text="" if code == 204 else "scripted")

    return behave


def denied() -> Behaviour:
    """What an object store says of a file that it does not hold."""
    body = b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code></Error>'

    async def behave(_: web.Request) -> web.Response:
        return web.Response(status=403, body=body, content_type="application/xml")

    return behave


def page() -> Behaviour:
    return raw(b"<!DOCTYPE html><html><body>Pardon our interruption</body></html>", "text/html")


def rubbish_gzip() -> Behaviour:
    """A body that says it is compressed, and is not."""

    async def behave(_: web.Request) -> web.Response:
        return web.Response(body=b"\x1f\x8b\x08 not gzip at all", headers={"Content-Encoding": "gzip"})

    return behave


def packed(answer: Any) -> Behaviour:
    """A payload that is compressed as it says."""

    async def behave(_: web.Request) -> web.Response:
        return web.Response(body=gzip.compress(json.dumps(answer).encode()), headers={"Content-Encoding": "gzip"})

    return behave


def hang() -> Behaviour:
    async def behave(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(3600)
        raise AssertionError("nobody waits an hour")

    return behave


def drip(body: bytes, pause_s: float) -> Behaviour:
    """A byte at a time: always alive, never done in time."""

    async def behave(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(body)), "Content-Type": "application/json"})
        await response.prepare(request)
        for at in range(len(body)):
            await response.write(body[at : at + 1])
            await asyncio.sleep(pause_s)
        return response

    return behave


def break_off(body: bytes) -> Behaviour:
    """Half of the announced bytes, then the connection is gone."""

    async def behave(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(body)), "Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        assert request.transport is not None
        request.transport.close()
        return response

    return behave


class Loopback:
    """Serves in the running loop. A path's behaviours are used up in order and the last stays; other paths are 404."""

    def __init__(self) -> None:
        self.scripts: dict[str, list[Behaviour]] = {}
        self.asked: list[str] = []  # paths with their queries
        self.headers: list[dict[str, str]] = []
        self.url = ""

    def on(self, path: str, *script: Behaviour) -> None:
        """What a path answers from now on."""
        self.scripts[path] = list(script)

    def count(self, path: str) -> int:
        """How often a path was asked, whatever the query."""
        return sum(asked.split("?")[0] == path for asked in self.asked)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """What a path without a script answers."""
        return web.Response(status=404, text="not here")

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path_qs)
        self.headers.append(dict(request.headers))
        script = self.scripts.get(request.path)
        if script is None:
            return await self.answer(request)
        return await (script.pop(0) if len(script) > 1 else script[0])(request)

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.05)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
