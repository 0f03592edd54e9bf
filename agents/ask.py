"""The one path to a model: render a prompt, ask, and turn every failure into an abstention with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from domain.errors import ModelFailed
from domain.ports import ChatModel
from domain.views import Abstained
from prompts.load import load

Answer = TypeVar("Answer", bound=BaseModel)


async def ask(
    model: ChatModel, prompt: str, values: Mapping[str, str], schema: type[Answer], *, who: str, ticker: str
) -> Answer | Abstained:
    """The model's answer, in the schema, to the prompt of that name filled with `values`; Abstained when it failed.

    Raises BadInput when the values are not those that the prompt has places for.
    """
    words = load(prompt)
    try:
        return await model.ask(words.system, words.render(**values), schema)
    except ModelFailed as error:
        return Abstained(who=who, ticker=ticker, why=f"no usable answer: {error}")


class ProbeAnswer(BaseModel):
    """What the probe asks for: one fixed word and one sum."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    word: Literal["parley"]
    total: int


async def probe(model: ChatModel) -> str:
    """One real structured call, for `parley doctor`: a line saying that the model answers in a schema.

    Raises ModelFailed, with what to do, when it does not.
    """
    words = load("probe")
    try:
        answer = await model.ask(words.system, words.render(), ProbeAnswer)
    except ModelFailed as error:
        raise ModelFailed(
            f"{error}. Check the model's URL, name and key; if the server has no json_schema, set the method to "
            "function_calling"
        ) from error
    sound = "adds up" if answer.total == 42 else f"adds 17 and 25 to {answer.total}: too weak a model to argue well"
    return f"{model.name} answers in a schema and {sound}"
