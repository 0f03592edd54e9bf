"""Load a prompt: a markdown file with a `# System` part and a `# User` part, whose `{{names}}` must all be filled."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from domain.errors import BadInput

_NAME = re.compile(r"[a-z_]+(/[a-z_]+)*")
_PLACE = re.compile(r"\{\{([a-z_]+)\}\}")
_PARTS = re.compile(r"\A# System\n(?P<system>.*?)\n# User\n(?P<user>.*)\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Prompt:
    """The words given to a model: a fixed system text and a user text with placeholders."""

    name: str
    system: str
    user: str

    @property
    def places(self) -> frozenset[str]:
        """Names of the placeholders in the user text."""
        return frozenset(_PLACE.findall(self.user))

    def render(self, **values: str) -> str:
        """The user text with every placeholder filled, in one pass: braces inside a value stay as they are.

        Raises BadInput when a placeholder has no value or a value has no placeholder.
        """
        if self.places != frozenset(values):
            missing, unknown = sorted(self.places - values.keys()), sorted(values.keys() - self.places)
            raise BadInput(f"prompt {self.name}: no value for {missing}, no place for {unknown}")
        return _PLACE.sub(lambda found: values[found[1]], self.user)


@lru_cache(maxsize=64)
def load(name: str) -> Prompt:
    """The prompt `name` ("debate/judge" is prompts/debate/judge.md).

    Raises BadInput when there is no such file or it does not have the two parts.
    """
    if not _NAME.fullmatch(name):
        raise BadInput(f"{name!r} is no name of a prompt")
    path = files("prompts").joinpath(*f"{name}.md".split("/"))
    if not path.is_file():
        raise BadInput(f"there is no prompt {name!r}")
    parts = _PARTS.match(path.read_text(encoding="utf-8"))
    if parts is None:
        raise BadInput(f"prompt {name!r} needs a `# System` part, then a `# User` part")
    if _PLACE.search(parts["system"]):
        raise BadInput(f"prompt {name!r}: placeholders stand in the user part only")
    return Prompt(name=name, system=parts["system"].strip(), user=parts["user"].strip())
