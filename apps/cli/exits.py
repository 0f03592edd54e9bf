"""Exit codes, and which error leads to which."""

from __future__ import annotations

from enum import IntEnum

from domain.errors import (
    BadInput,
    BrokerFailed,
    DataAbsent,
    ModelFailed,
    ParleyError,
    RunFatal,
    SourceFailed,
    ThreadBusy,
)


class Exit(IntEnum):
    """What a command ends with."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    AWAITING = 3
    HALTED = 4
    ENVIRONMENT = 5


MEANING = {
    Exit.OK: "done, also when the decision is not to trade",
    Exit.REFUSED: "it ran, and everything asked for was refused, or a check failed",
    Exit.USAGE: "bad input, usage or settings",
    Exit.AWAITING: "tickets wait for a person",
    Exit.HALTED: "the desk or the account is halted",
    Exit.ENVIRONMENT: "database, model server, market source or broker is down or busy",
}

EPILOG = "Exit codes:  " + ";  ".join(f"{code.value} {words}" for code, words in MEANING.items()) + "."


def exit_of(error: ParleyError) -> Exit:
    """The exit code of an error raised on purpose."""
    if isinstance(error, BadInput | DataAbsent):
        return Exit.USAGE
    if isinstance(error, RunFatal | SourceFailed | ModelFailed | BrokerFailed | ThreadBusy):
        return Exit.ENVIRONMENT
    return Exit.REFUSED
