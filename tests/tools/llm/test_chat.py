from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from domain.errors import ModelFailed
from tests.servers.openai import (
    Behaviour,
    LoopbackOpenAI,
    empty,
    hang,
    prose,
    raw,
    refuse,
    say,
    schema_name,
    status,
    text_of,
)
from tools.llm.chat import OpenAIChat, question_key
from tools.llm.protocol import Method

KEY = "sk-not-for-any-log"


class Weather(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    sky: Literal["clear", "grey"]
    chance: float = Field(ge=0, le=1)
    days: Literal[5, 10]


GOOD = {"sky": "grey", "chance": 0.6, "days": 5}
WANT = Weather(sky="grey", chance=0.6, days=5)
CUT = prose('{"sky": "gre', "length")


def chat(server: LoopbackOpenAI, *, method: Method = "json_schema", **settings: object) -> OpenAIChat:
    given = {"timeout_s": 10.0, "total_s": 30.0, "retries": 1, "method": method, **settings}
    return OpenAIChat(server.url, "small", KEY, **given)  # type: ignore[arg-type]


async def ask(*script: Behaviour, method: Method = "json_schema", **settings: object) -> tuple[object, LoopbackOpenAI]:
    async with LoopbackOpenAI(*script) as server:
        try:
            return await chat(server, method=method, **settings).ask("sys", "usr", Weather), server
        except ModelFailed as error:
            return str(error), server


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
async def test_a_good_reply_is_the_answer(method: Method) -> None:
    answer, server = await ask(say(GOOD), method=method)
    assert answer == WANT
    assert len(server.requests) == 1
    assert schema_name(server.requests[0]) == "Weather"
    assert [message["role"] for message in server.requests[0]["messages"]] == ["system", "user"]
    assert server.keys == [f"Bearer {KEY}"]


async def test_the_schema_is_asked_for_strictly() -> None:
    _, server = await ask(say(GOOD))
    wanted = server.requests[0]["response_format"]["json_schema"]
    assert wanted["strict"] is True
    assert wanted["schema"]["additionalProperties"] is False
    assert wanted["schema"]["properties"]["days"]["enum"] == [5, 10]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (say('{"sky": "gre'), "invalid json"),
        (say("null"), "should be an object"),
        (say({**GOOD, "chance": 7}), "less than or equal to 1"),
        (say({**GOOD, "days": "5"}), "5 or 10"),
        (say({**GOOD, "size": 100}), "size: extra inputs"),
        (say({"sky": "grey"}), "chance: field required"),
        (empty(), "empty"),
        (refuse("not today"), "not today"),
        (CUT, "cut off"),
        (prose('{"sky": "grey", "chance": 0.6, "days": 5}', None), "cut off"),
        (prose("{}", "content_filter"), "cut off"),
    ],
    ids=["json", "null", "range", "type", "extra", "missing", "empty", "refusal", "length", "no-finish", "filter"],
)
@pytest.mark.parametrize("mends", [True, False])
async def test_an_unusable_answer_is_repaired_once_or_fails(fault: Behaviour, told: str, mends: bool) -> None:
    answer, server = await ask(fault, say(GOOD) if mends else fault)
    assert len(server.requests) == 2, "one question, one repair"
    assert told in text_of(server.requests[1]).lower(), "the repair round names the fault"
    if mends:
        assert answer == WANT
    else:
        assert isinstance(answer, str)
        assert "after one repair round" in answer
        assert told in answer.lower()


@pytest.mark.parametrize("fault", [prose("I prefer prose"), say("{broken"), say("null"), refuse(), empty()])
async def test_function_calling_without_a_sound_call_is_repaired_once(fault: Behaviour) -> None:
    answer, server = await ask(fault, say(GOOD), method="function_calling")
    assert (answer, len(server.requests)) == (WANT, 2)
    answer, server = await ask(fault, method="function_calling")
    assert isinstance(answer, str)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("fault", "requests", "told"),
    [
        (status(500), 2, "HTTP 500"),
        (status(400), 1, "HTTP 400"),
        (status(401), 1, "HTTP 401"),
        (status(404), 1, "HTTP 404"),
        (status(429, Retry_After="600"), 1, "HTTP 429"),
        (raw("<html>bad gateway</html>", "text/html"), 1, "no chat completion"),
        (raw("null"), 1, "no chat completion"),
        (raw("[]"), 1, "no chat completion"),
        (raw('{"id": '), 1, "no chat completion"),
        (raw("{}"), 1, "no chat completion"),
        (raw('{"id":"a","object":"chat.completion","created":1,"model":"m","choices":[]}'), 1, "no chat completion"),
        (raw('{"error": {"message": "overloaded"}}'), 1, "no chat completion"),
    ],
)
@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
async def test_a_server_at_fault_is_a_failure_with_no_repair(
    fault: Behaviour, requests: int, told: str, method: Method
) -> None:
    answer, server = await ask(fault, method=method)
    assert isinstance(answer, str)
    assert told in answer
    assert len(server.requests) == requests


async def test_a_short_retry_after_is_honoured() -> None:
    answer, server = await ask(status(429, Retry_After="1"), say(GOOD))
    assert (answer, len(server.requests)) == (WANT, 2)


async def test_a_wait_past_the_whole_questions_limit_fails() -> None:
    answer, server = await ask(status(429, Retry_After="1"), say(GOOD), total_s=0.3)
    assert answer == "small: no usable answer within 0.3 s"
    assert len(server.requests) == 1


async def test_a_server_that_hangs_costs_two_attempts() -> None:
    answer, server = await ask(hang(), timeout_s=0.1)
    assert isinstance(answer, str)
    assert "Timeout" in answer
    assert len(server.requests) == 2


async def test_the_whole_question_has_one_limit() -> None:
    answer, _ = await ask(hang(), timeout_s=30.0, total_s=0.2)
    assert answer == "small: no usable answer within 0.2 s"


async def test_nobody_listening() -> None:
    async with LoopbackOpenAI(say(GOOD)) as server:
        gone = chat(server, retries=0)
    with pytest.raises(ModelFailed, match=r"small: \w*Connection"):
        await gone.ask("sys", "usr", Weather)


async def test_the_key_is_in_no_log_error_or_repr(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answer, server = await ask(status(401, f"Incorrect API key provided: {KEY}"))
    assert server.keys == [f"Bearer {KEY}"]
    assert "HTTP 401" in str(answer)
    assert KEY not in str(answer)
    assert KEY not in caplog.text
    assert KEY not in repr(chat(server))


class Kept:
    def __init__(self) -> None:
        self.rows: dict[str, str] = {}
        self.puts: list[tuple[str, str, datetime]] = []

    async def get(self, key: str) -> str | None:
        return self.rows.get(key)

    async def put(self, key: str, text: str, model: str, at: datetime) -> None:
        self.puts.append((key, model, at))
        self.rows.setdefault(key, text)


class Noon:
    def now(self) -> datetime:
        return datetime(2026, 2, 12, 17, 0, tzinfo=UTC)

    async def sleep_until(self, moment: datetime) -> None:
        raise AssertionError(f"nobody sleeps until {moment}")


async def test_a_recorded_reply_is_replayed_without_a_request() -> None:
    kept = Kept()
    async with LoopbackOpenAI(say({"sky": "grey"}), say(GOOD)) as server:
        model = chat(server, replies=kept, clock=Noon())
        assert await model.ask("sys", "usr", Weather) == WANT
        assert len(server.requests) == 2
        assert await model.ask("sys", "usr", Weather) == WANT
        assert len(server.requests) == 2, "the second time nobody is asked"
        assert await model.ask("sys", "another", Weather) == WANT
        assert len(server.requests) == 3
    offline = OpenAIChat("http://127.0.0.1:9/v1", "small", replies=kept, clock=Noon())
    assert await offline.ask("sys", "usr", Weather) == WANT, "replay needs no server and no key"
    key = question_key("small", "sys", "usr", Weather)
    assert kept.puts[0] == (key, "small", Noon().now())


async def test_failures_are_not_recorded() -> None:
    kept = Kept()
    async with LoopbackOpenAI(refuse()) as server:
        with pytest.raises(ModelFailed):
            await chat(server, replies=kept, clock=Noon()).ask("sys", "usr", Weather)
    assert kept.rows == {}


async def test_a_spoilt_record_fails_and_asks_nobody() -> None:
    kept = Kept()
    kept.rows[question_key("small", "sys", "usr", Weather)] = "{}"
    async with LoopbackOpenAI(say(GOOD)) as server:
        with pytest.raises(ModelFailed, match="recorded reply"):
            await chat(server, replies=kept, clock=Noon()).ask("sys", "usr", Weather)
        assert server.requests == []


def test_the_key_of_a_question_is_what_was_asked_and_nothing_else() -> None:
    class Other(BaseModel):
        sky: str

    base = question_key("m", "s", "u", Weather)
    assert base == question_key("m", "s", "u", Weather)
    others = {
        question_key("n", "s", "u", Weather),
        question_key("m", "t", "u", Weather),
        question_key("m", "s", "v", Weather),
        question_key("m", "s", "u", Other),
        question_key("m", "s", "u", Weather, 0.0),
    }
    assert len(others | {base}) == 6


async def test_the_environment_adds_no_listener_and_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    import langsmith

    traced: list[object] = []
    monkeypatch.setattr(langsmith.Client, "create_run", lambda *args, **kwargs: traced.append(args))
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    monkeypatch.setenv("LANGSMITH_API_KEY", "k")
    monkeypatch.setenv("LANGSMITH_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    langsmith.utils.get_env_var.cache_clear()
    answer, _ = await ask(say(GOOD))
    langsmith.utils.get_env_var.cache_clear()
    assert answer == WANT
    assert traced == []
