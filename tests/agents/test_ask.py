from __future__ import annotations

from typing import TypeVar

import pytest
from pydantic import BaseModel

from agents.ask import ProbeAnswer, ask, probe
from domain.errors import BadInput, ModelFailed
from domain.views import Abstained
from tests.servers.openai import LoopbackOpenAI, refuse, say, text_of
from tools.llm.chat import OpenAIChat

Answer = TypeVar("Answer", bound=BaseModel)


class Fails:
    name = "broken"

    async def ask(self, system: str, user: str, schema: type[Answer]) -> Answer:
        raise ModelFailed("broken: HTTP 500")


async def test_a_failure_becomes_an_abstention_with_its_reason() -> None:
    made = await ask(Fails(), "probe", {}, ProbeAnswer, who="bull", ticker="SPX")
    assert made == Abstained(who="bull", ticker="SPX", why="no usable answer: broken: HTTP 500")


async def test_a_prompt_filled_wrongly_is_our_defect_not_the_models() -> None:
    with pytest.raises(BadInput, match="no place for"):
        await ask(Fails(), "probe", {"size": "100"}, ProbeAnswer, who="bull", ticker="SPX")


@pytest.mark.parametrize(
    ("total", "told"), [(42, "answers in a schema and adds up"), (43, "adds 17 and 25 to 43: too weak")]
)
async def test_the_probe_is_one_real_structured_call(total: int, told: str) -> None:
    async with LoopbackOpenAI(say({"word": "parley", "total": total})) as server:
        line = await probe(OpenAIChat(server.url, "small", "k"))
    assert line.startswith("small ")
    assert told in line
    assert len(server.requests) == 1
    assert "17 and 25" in text_of(server.requests[0])


async def test_a_failed_probe_says_what_to_do() -> None:
    async with LoopbackOpenAI(refuse("no")) as server:
        with pytest.raises(ModelFailed, match="set the method to function_calling"):
            await probe(OpenAIChat(server.url, "small", "k"))
