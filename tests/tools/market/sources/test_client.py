"""What comes over the socket and is no answer: each kind of failure, and whether it may pass."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping

import pytest

from domain.errors import SourceFailed
from tests.servers import loopback
from tests.servers.loopback import Behaviour, Loopback
from tools.market.sources import client
from tools.market.sources.client import Client
from tools.market.sources.protocol import Transient

GOOD = {"a": [1.5] * 50}
BODY = json.dumps(GOOD).encode()


async def get(behaviour: Behaviour, timeout_s: float = 2.0, longest: int = client.LONGEST) -> bytes | None:
    async with Loopback() as server:
        server.on("/x", behaviour)
        asked = Client(timeout_s, longest)
        try:
            return await asked.get(f"{server.url}/x")
        finally:
            await asked.close()


@pytest.mark.parametrize("behaviour", [loopback.say(GOOD), loopback.packed(GOOD)])
async def test_a_body_arrives_unpacked(behaviour: Behaviour) -> None:
    assert await get(behaviour) == BODY


async def test_it_says_who_asks_and_passes_the_query() -> None:
    async with Loopback() as server:
        server.on("/x", loopback.say(GOOD))
        asked = Client()
        await asked.get(f"{server.url}/x", {"year": "2026"})
        await asked.close()
        assert server.asked == ["/x?year=2026"]
        assert server.headers[0]["User-Agent"].startswith("Parley")


async def test_not_there_is_an_answer() -> None:
    assert await get(loopback.status(404)) is None


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (loopback.status(429), r"too many requests \(HTTP 429\)"),
        (loopback.status(503), r"a server error \(HTTP 503\)"),
        (loopback.status(500), r"a server error \(HTTP 500\)"),
        (loopback.status(408), "no answer in time"),
        (loopback.hang(), r"no answer within 0\.15 s"),
        (loopback.drip(BODY, 0.02), r"no answer within 0\.15 s"),
        (loopback.break_off(BODY), "no whole answer"),
    ],
)
async def test_what_may_pass_is_transient(behaviour: Behaviour, words: str) -> None:
    with pytest.raises(Transient, match=words):
        await get(behaviour, 0.15)


async def test_nobody_there_is_transient() -> None:
    async with Loopback() as server:
        url = server.url
    asked = Client(2.0)
    with pytest.raises(Transient, match="cannot be reached"):
        await asked.get(f"{url}/x")
    await asked.close()


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (loopback.status(204), r"answers with nothing \(HTTP 204\)"),
        (
            loopback.status(301, Location="https://elsewhere.example/"),
            r"sends elsewhere \(HTTP 301 to https://elsewhere",
        ),
        (loopback.status(403), r"refuses \(HTTP 403\)"),
        (loopback.status(400), r"refuses \(HTTP 400\)"),
        (loopback.rubbish_gzip(), "cannot be unpacked"),
    ],
)
async def test_what_will_not_change_is_not_transient(behaviour: Behaviour, words: str) -> None:
    with pytest.raises(SourceFailed, match=words) as caught:
        await get(behaviour)
    assert not isinstance(caught.value, Transient)


async def test_a_body_that_unpacks_to_too_much_is_refused() -> None:
    bomb = loopback.packed({"a": "0" * 3_000_000})
    assert len(gzip.compress(b"0" * 3_000_000)) < 10_000
    with pytest.raises(SourceFailed, match="a body of more than 1 MiB"):
        await get(bomb, longest=2**20)


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"Retry-After": "120"}, 120.0),
        ({"Retry-After": "Wed, 11 Feb 2026 15:02:00 GMT", "Date": "Wed, 11 Feb 2026 15:00:00 GMT"}, 120.0),
        ({"Retry-After": "Wed, 11 Feb 2026 14:00:00 GMT", "Date": "Wed, 11 Feb 2026 15:00:00 GMT"}, 0.0),
        ({"Retry-After": "Wed, 11 Feb 2026 15:02:00 GMT"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
    ],
)
def test_the_wait_that_a_source_wishes_for(headers: Mapping[str, str], wait_s: float | None) -> None:
    assert client.wished_wait(headers) == wait_s


async def test_the_wish_is_handed_on() -> None:
    with pytest.raises(Transient, match="asks to wait 9 s") as caught:
        await get(loopback.status(429, Retry_After="9"))
    assert caught.value.wait_s == 9.0


@pytest.mark.parametrize("url", ["http://127.0.0.1:port/x", "ftp://127.0.0.1/x", "127.0.0.1/x"])
async def test_what_is_no_address_is_said_so(url: str) -> None:
    asked = Client()
    with pytest.raises(SourceFailed, match="is no address") as caught:
        await asked.get(url)
    assert not isinstance(caught.value, Transient)
    await asked.close()
