"""Every error Parley raises on purpose; the message says what is wrong and what to do about it."""

from __future__ import annotations


class ParleyError(Exception):
    """Base of all errors raised on purpose."""


class BadInput(ParleyError):
    """What the caller gave makes no sense; nothing was recorded."""


class SettingsError(BadInput):
    """A setting is unknown or has a bad value; the message names the key."""


class CodecError(ParleyError):
    """A value has no canonical form, or a text is not the canonical form of a record."""


class DataError(ParleyError):
    """Data about one ticker cannot be used; the ticker ends in `Refused`, the run goes on."""


class DataAbsent(DataError):
    """The source answered, and has no such datum as of the time asked."""


class SourceFailed(DataError):
    """The source did not answer, or answered nonsense. Absent is not failed."""


class StaleData(DataError):
    """The newest datum is older than its limit."""


class BadChain(DataError):
    """An option chain is too poor to use; the message counts what is wrong."""


class ModelFailed(ParleyError):
    """A language model gave no usable answer; whoever asked abstains."""


class RunFatal(ParleyError):
    """Something without which the whole run is meaningless: database, clock, book or regime."""


class DatabaseDown(RunFatal):
    """The database cannot be reached or started."""


class ThreadBusy(ParleyError):
    """Another process is working on this run or ticket right now; try again in a moment."""


class ThreadOutdated(ParleyError):
    """The thread was started by another graph version or under other settings; it is not resumed."""


class NotFound(BadInput):
    """No run, ticket or decision has this id."""


class OrderRefused(ParleyError):
    """The guard refused the order; `failed` names every check that did not pass."""

    def __init__(self, message: str, failed: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.failed = failed


class BrokerFailed(ParleyError):
    """The broker did not confirm; the state of the order is unknown until reconciled."""
