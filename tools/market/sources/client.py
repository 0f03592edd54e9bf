"""One small HTTP client for sources without a library of their own: bounded in time and size, follows nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from domain.errors import SourceFailed
from tools.market.sources.protocol import Transient

if TYPE_CHECKING:
    import httpx

USER_AGENT = "Parley (personal options desk; keyless, delayed data)"
LONGEST = 64 * 2**20  # bytes of one body, unpacked: the largest chain takes about a fifth
_TRANSIENT = frozenset({408, 425, 429})


class Refused(SourceFailed):
    """The server refuses (HTTP 403); `body` is what it says to it."""

    def __init__(self, message: str, body: bytes) -> None:
        super().__init__(message)
        self.body = body


def wished_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110, 10.2.3), from the answer's own Date; None: unsaid."""
    text = headers.get("Retry-After", "").strip()
    if text.isdigit():
        return float(text)
    try:
        goal, said = parsedate_to_datetime(text), parsedate_to_datetime(headers.get("Date", ""))
        return max((goal - said).total_seconds(), 0.0)
    except (TypeError, ValueError):
        return None


def judge(status: int, headers: Mapping[str, str]) -> None:
    """Raise for every status but 200 and 404: Transient when it may pass, else SourceFailed."""
    if status in _TRANSIENT or status >= 500:
        words = "too many requests" if status == 429 else "a server error" if status >= 500 else "no answer in time"
        wait = wished_wait(headers)
        wish = "" if wait is None else f", asks to wait {wait:.0f} s"
        raise Transient(f"{words} (HTTP {status}{wish})", wait)
    if 300 <= status < 400:
        raise SourceFailed(
            f"sends elsewhere (HTTP {status} to {headers.get('Location', 'nowhere')}); check its address"
        )
    if status not in (200, 404):
        what = "answers with nothing" if 200 < status < 300 else "refuses"
        raise SourceFailed(f"{what} (HTTP {status})")


class Client:
    """GET within a time limit. Connections are opened at first use, in the event loop that uses them."""

    def __init__(self, timeout_s: float = 10.0, longest: int = LONGEST) -> None:
        self._timeout = timeout_s
        self._longest = longest
        self._http: httpx.AsyncClient | None = None

    async def get(self, url: str, params: Mapping[str, str] | None = None) -> bytes | None:
        """The body of an answer; None when there is no such thing (404).

        Raises Transient when no answer came, SourceFailed when it cannot be an answer.
        """
        import httpx

        if self._http is None:
            headers = {"User-Agent": USER_AGENT, "Accept": "application/json, text/csv"}
            self._http = httpx.AsyncClient(headers=headers, timeout=self._timeout, follow_redirects=False)
        late = f"no answer within {self._timeout:g} s"
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._http.stream("GET", url, params=dict(params) if params else None) as response,
            ):
                if response.status_code == 403:
                    raise Refused("refuses (HTTP 403)", await self._body(response))
                judge(response.status_code, response.headers)
                return None if response.status_code == 404 else await self._body(response)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise Transient(late) from error
        except httpx.DecodingError as error:
            raise SourceFailed(f"a body that cannot be unpacked: {error}") from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise SourceFailed(f"{url} is no address: {error}") from error
        except httpx.ConnectError as error:
            raise Transient(f"cannot be reached: {str(error) or type(error).__name__}") from error
        except httpx.TransportError as error:
            raise Transient(f"no whole answer: {str(error) or type(error).__name__}") from error

    async def _body(self, response: httpx.Response) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for part in response.aiter_bytes():
            size += len(part)
            if size > self._longest:
                raise SourceFailed(f"a body of more than {self._longest / 2**20:g} MiB")
            parts.append(part)
        return b"".join(parts)

    async def close(self) -> None:
        """Let the connections go; the next `get` opens new ones."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None
