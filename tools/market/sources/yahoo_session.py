"""The HTTP session that yfinance is given: where it goes, and what it lets through.

yfinance reads payloads leniently: an error page becomes "no options", and the symbol of a quote is overwritten by the
one asked. So every answer of a data address is judged here, before the library sees it: its status, its form, the
symbol and the currency that it names.
"""

from __future__ import annotations

import logging
import tempfile
import threading
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from curl_cffi import CurlOpt
from curl_cffi.requests import Session
from curl_cffi.requests import exceptions as failures

from domain.errors import SourceFailed
from tools.market.sources import client, payload
from tools.market.sources.protocol import Transient

_HOST = "yahoo.com"
_CONSENT = "consent.yahoo.com"
CURRENCY = "USD"
# Addresses of data, and what their payloads are wrapped in.
_WRAPPERS = {
    "/v7/finance/options/": "optionChain",
    "/v8/finance/chart/": "chart",
    "/v10/finance/quoteSummary/": "quoteSummary",
}
_REFUSALS = (401, 403)


_placing = threading.Lock()
_placed: list[Path | tempfile.TemporaryDirectory[str]] = []


def set_up(cache: Path | None) -> None:
    """Have yfinance raise instead of guess, keep still, and keep its cookies in `cache`.

    None: in a temporary folder, gone with the process. The library has one cache in a process: the first folder stays.
    """
    import yfinance

    with _placing:
        if not _placed:
            kept = tempfile.TemporaryDirectory(prefix="parley-yahoo-") if cache is None else cache
            folder = Path(kept.name) if isinstance(kept, tempfile.TemporaryDirectory) else kept
            folder.mkdir(parents=True, exist_ok=True)
            yfinance.set_tz_cache_location(str(folder))
            _placed.append(kept)
    yfinance.config.debug.hide_exceptions = False
    quiet = logging.getLogger("yfinance")
    quiet.setLevel(logging.CRITICAL)
    quiet.propagate = False
    # yfinance 1.7 calls pandas in ways that pandas 3 announces the end of, and shows its warnings to all.
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"yfinance(\.|$)")


class UnknownSymbol(Exception):
    """Yahoo answered that it has nothing under this symbol."""


def point_at(url: str, base: str) -> str:
    """An address of Yahoo's as `base` serves it: every one of its hosts, cookies and consent included, lies there.

    A base that is Yahoo's own leaves the address as it is.
    """
    parts, goal = urlsplit(url), urlsplit(base)
    if not _is_yahoo(parts.hostname) or _is_yahoo(goal.hostname):
        return url
    return urlunsplit((goal.scheme, goal.netloc, goal.path.rstrip("/") + parts.path, parts.query, parts.fragment))


def _is_yahoo(host: str | None) -> bool:
    return host is not None and (host == _HOST or host.endswith("." + _HOST))


class YahooSession(Session):  # type: ignore[type-arg]
    """A curl_cffi session as yfinance makes one for itself, pointed at `base` and bounded in time and size."""

    def __init__(self, base: str, timeout_s: float, longest: int = client.LONGEST) -> None:
        super().__init__(impersonate="chrome", curl_options={CurlOpt.MAXFILESIZE_LARGE: longest})
        self._base = base
        self._limit = timeout_s
        self._longest = longest
        self._asked = threading.local()  # per thread: the address that was last refused, once

    def request(self, method: Any, url: str, *args: Any, **kwargs: Any) -> Any:
        """One request; raises UnknownSymbol, Transient or SourceFailed for an answer that is none."""
        wrapper = next((name for path, name in _WRAPPERS.items() if urlsplit(url).path.startswith(path)), None)
        kwargs["timeout"] = self._limit
        goal = point_at(url, self._base)
        if wrapper is None:
            return super().request(method, goal, *args, **kwargs)
        try:
            response = super().request(method, goal, *args, **kwargs)
        except failures.Timeout as error:
            raise Transient(f"no answer within {self._limit:g} s") from error
        except failures.ContentDecodingError as error:
            raise SourceFailed(f"a body that cannot be unpacked: {error}") from error
        except failures.RequestException as error:
            self._explain(error)
        if urlsplit(str(response.url)).hostname == _CONSENT:
            return response  # the library accepts the form and asks again
        if self._may_be_the_crumb(response.status_code, url):
            return response
        if response.status_code != 404:
            client.judge(response.status_code, response.headers)
        _judge(wrapper, _symbol_in(url), response.content)
        return response

    def _explain(self, error: Exception) -> None:
        code = int(getattr(error, "code", 0) or 0)
        if code == 63:  # CURLE_FILESIZE_EXCEEDED
            raise SourceFailed(f"a body of more than {self._longest / 2**20:g} MiB") from error
        if code in (23, 61):  # CURLE_WRITE_ERROR, CURLE_BAD_CONTENT_ENCODING: compressed rubbish
            raise SourceFailed(f"a body that cannot be unpacked: {error}") from error
        said = str(error).partition(". See https://curl.se")[0]
        if code in (5, 6, 7):  # CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT
            raise Transient(f"cannot be reached: {said}") from error
        raise Transient(f"no whole answer: {said}") from error

    def _may_be_the_crumb(self, status: int, url: str) -> bool:
        """True for the first refusal of an address: the library then gets a new crumb and asks once more."""
        again = getattr(self._asked, "url", None) == url
        self._asked.url = url if status in _REFUSALS and not again else None
        return status in _REFUSALS and not again


def _symbol_in(url: str) -> str:
    return unquote(urlsplit(url).path).rsplit("/", 1)[-1]


def _judge(wrapper: str, symbol: str, body: bytes) -> None:
    answer = payload.as_object(body)
    inner = answer.get(wrapper)
    if not isinstance(inner, dict):
        error = answer.get("finance", {}).get("error") if isinstance(answer.get("finance"), dict) else None
        raise SourceFailed(f"no {wrapper} in the payload" + (f": {error}" if error else ""))
    error, result = inner.get("error"), inner.get("result")
    if error:
        code = error.get("code") if isinstance(error, dict) else error
        if code == "Not Found":
            raise UnknownSymbol(symbol)
        raise SourceFailed(f"an error instead of {wrapper}: {error}")
    found = payload.rows_of(result, f"{wrapper} results")
    if not found:
        raise UnknownSymbol(symbol)
    _same(wrapper, symbol, found[0])


def _same(wrapper: str, symbol: str, result: dict[str, Any]) -> None:
    """The symbol and the currency that a payload names."""
    if wrapper == "chart":
        about = result.get("meta")
    elif wrapper == "optionChain":
        about = result.get("quote")
        payload.same_symbol(result.get("underlyingSymbol"), symbol)
    else:
        about = result.get("quoteType")
    if not isinstance(about, dict):
        raise SourceFailed(f"a {wrapper} that does not say what it is about")
    payload.same_symbol(about.get("symbol"), symbol)
    currency = about.get("currency")
    points = wrapper == "chart" and symbol.startswith("^") and currency is None  # an index has none
    if wrapper != "quoteSummary" and currency != CURRENCY and not points:
        raise SourceFailed(f"{symbol} in {currency or 'no stated currency'}, not {CURRENCY}")
