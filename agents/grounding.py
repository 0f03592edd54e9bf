"""Grounding: does the evidence that a statement cites bear the numbers that it quotes?

A number is borne when some cited row, read in that number's unit, rounds to it. "15.2 %" is a reading of a volatility
of 0.1521, "0.152 %" is not; "31 % above" is a reading of a ratio of 1.31. A number may also repeat what the row's own
name or note says ("30-day"), and the horizons are free in "5 days". Everything else that has a digit in it is struck:
a reader cannot tell an invented number from a measured one, so code does.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from domain.evidence import Evidence
from domain.units import Unit
from domain.views import HORIZONS, Recalled

RELATIVE = 0.10  # a rounding that moves the number by more than this share says something else

_UNITS = (
    ("percent", r"%|per\s?cent\b|pct\b"),
    ("bps", r"bps?\b|basis points?\b"),
    ("points", r"(?:vol(?:atility)?[ -])?(?:points?\b|pts\b)"),
    ("times", r"x\b|×|times\b"),
    ("thousand", r"k\b|thousand\b"),
    ("million", r"m\b|mn\b|million\b"),
    ("billion", r"b\b|bn\b|billion\b"),
    ("ordinal", r"(?:st|nd|rd|th)\b"),
    ("sd", r"σ|sd\b|sigmas?\b|standard deviations?\b"),
)
_NUMBER = re.compile(
    r"(?<![\w.])(?P<sign>[+-])?\$?\s?(?P<digits>(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)(?:\s?-?(?:"
    + "|".join(f"(?P<{name}>{pattern})" for name, pattern in _UNITS)
    + "))?",
    re.IGNORECASE,
)
_WORD_WITH_DIGIT = re.compile(r"(?<![\w.])[^\W\d]\w*?\d\w*")
_HORIZON = re.compile(r"[\s-](?:trading[\s-])?(?:days?|sessions?)\b", re.IGNORECASE)
_DIGITS = re.compile(r"\d+(?:\.\d+)?")
_NAMES = re.compile(r"\b(?:(?:s&p|russell|nasdaq)[ -]?(?:500|100|2000|1000|3000)|(?:bull|bear)-\d+)\b")
_ONES = "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen"
_TENS = "eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|billion"
_SPELLED = re.compile(
    rf"\b(?:one|{_ONES}|{_TENS})\b[\s-]*(?:{_ONES}|{_TENS}|one|and|\s|-)*"
    r"(?:per\s?cent|%|(?:vol(?:atility)?\s)?points?|dollars?|times|sigmas?|standard|contracts?|lots?)\b",
    re.IGNORECASE,
)


def why_struck(
    text: str,
    evidence: Iterable[str],
    memories: Iterable[int],
    known: Mapping[str, Evidence],
    recalled: Mapping[int, Recalled],
) -> str | None:
    """Why a claim does not stand, or None when it does.

    `evidence` and `memories` are what it cites, `known` and `recalled` what there is to cite.
    """
    cited, remembered = tuple(evidence), tuple(memories)
    if not cited and not remembered:
        return "it cites no evidence"
    if unknown := [name for name in cited if name not in known]:
        return f"it cites evidence that does not exist: {', '.join(str(name)[:60] for name in unknown)}"
    if missing := [number for number in remembered if number not in recalled]:
        return f"it cites memories that were not recalled: {', '.join(str(number) for number in missing)}"
    text = re.sub(rf"\bmemory (?:{'|'.join(map(str, remembered))})\b", "memory", text) if remembered else text
    stray = stray_numbers(text, [known[name] for name in cited], [recalled[number].text for number in remembered])
    if stray:
        return f"it quotes numbers that the cited evidence does not bear: {', '.join(stray)}"
    return None


def stray_numbers(text: str, evidence: Iterable[Evidence], memories: Iterable[str] = ()) -> tuple[str, ...]:
    """The numbers quoted in a text that neither evidence nor memories bear, in order, as they were written."""
    rows = tuple(evidence)
    words = _normal(text)
    for row in rows:
        words = words.replace(row.id.lower(), " ")
    words = _NAMES.sub(" ", words)
    labels = _normal(" ".join([f"{row.id} {row.name.replace('_', ' ')} {row.note}" for row in rows] + list(memories)))
    named, numerals = set(re.findall(r"\w+", labels)), set(_DIGITS.findall(labels))
    stray = [found[0].strip() for found in _SPELLED.finditer(words)]

    def word(found: re.Match[str]) -> str:
        if found[0] not in named:
            stray.append(found[0])
        return " "

    words = _WORD_WITH_DIGIT.sub(word, words)

    def number(found: re.Match[str]) -> str:
        unit = next((name for name, _ in _UNITS if found[name]), "bare")
        if not _borne(found["digits"].replace(",", ""), found["sign"], unit, rows) and not _label(
            found, unit, words, numerals
        ):
            stray.append(found[0].strip())
        return " "

    rest = _NUMBER.sub(number, words)
    stray.extend(re.findall(r"\S*\d\S*", rest))  # digits that read as no number at all, such as 1.2.3
    return tuple(stray)


def _normal(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).lower()
    return re.sub("[\u2010-\u2015\u2212]", "-", folded)


def _label(found: re.Match[str], unit: str, words: str, numerals: set[str]) -> bool:
    """A number that repeats a row's name or note, or names one of the horizons."""
    if unit != "bare":
        return False
    if found["digits"].replace(",", "") in numerals:
        return True
    return bool(_HORIZON.match(words, found.end())) and found["digits"] in {str(days) for days in HORIZONS}


def _borne(digits: str, sign: str | None, unit: str, rows: Iterable[Evidence]) -> bool:
    quoted = float(digits)
    last = 10.0 ** -len(digits.partition(".")[2])
    for row in rows:
        for value in _readings(row, unit):
            target = value if sign else abs(value)
            gap = abs((-quoted if sign == "-" else quoted) - target)
            dust = 1e-9 * max(1.0, abs(target))  # of binary fractions: 0.1525 shown as 15.3 is a half rounded up
            if gap <= 0.5 * last + dust and gap <= RELATIVE * abs(target) + dust:
                return True
    return False


def _readings(row: Evidence, unit: str) -> Iterable[float]:
    """The values that a row shows in a unit."""
    for scale, shift in _SCALES.get((row.unit, unit), ()):
        yield scale * row.value + shift
    if row.percentile is not None:
        if unit in ("percent", "bare", "ordinal"):
            yield 100 * row.percentile
        if unit == "bare":
            yield row.percentile
    if row.zscore is not None and unit in ("bare", "sd"):
        yield row.zscore


_ONE = ((1.0, 0.0),)
_HUNDRED = ((100.0, 0.0),)
_SCALES: dict[tuple[Unit, str], tuple[tuple[float, float], ...]] = {
    (Unit.PRICE, "bare"): _ONE,
    (Unit.PRICE, "points"): _ONE,
    (Unit.DOLLARS, "bare"): _ONE,
    (Unit.DOLLARS, "thousand"): ((1e-3, 0.0),),
    (Unit.DOLLARS, "million"): ((1e-6, 0.0),),
    (Unit.DOLLARS, "billion"): ((1e-9, 0.0),),
    (Unit.DOLLARS_M, "bare"): _ONE,
    (Unit.DOLLARS_M, "million"): _ONE,
    (Unit.DOLLARS_M, "billion"): ((1e-3, 0.0),),
    (Unit.VOL, "bare"): _ONE + _HUNDRED,
    (Unit.VOL, "percent"): _HUNDRED,
    (Unit.VOL, "points"): _HUNDRED,
    (Unit.VOL_POINTS, "bare"): _ONE,
    (Unit.VOL_POINTS, "percent"): _ONE,
    (Unit.VOL_POINTS, "points"): _ONE,
    (Unit.RATIO, "bare"): _ONE,
    (Unit.RATIO, "times"): _ONE,
    (Unit.RATIO, "percent"): (*_HUNDRED, (100.0, -100.0)),
    (Unit.PROBABILITY, "bare"): _ONE + _HUNDRED,
    (Unit.PROBABILITY, "ordinal"): _HUNDRED,
    (Unit.PROBABILITY, "percent"): _HUNDRED,
    (Unit.SCORE, "bare"): _ONE,
    (Unit.ZSCORE, "bare"): _ONE,
    (Unit.ZSCORE, "sd"): _ONE,
    (Unit.COUNT, "bare"): _ONE,
    (Unit.COUNT, "thousand"): ((1e-3, 0.0),),
    (Unit.COUNT, "million"): ((1e-6, 0.0),),
    (Unit.DAYS, "bare"): _ONE,
    (Unit.INDEX, "bare"): _ONE,
    (Unit.PERCENT, "bare"): (*_ONE, (0.01, 0.0)),
    (Unit.PERCENT, "percent"): _ONE,
    (Unit.PERCENT, "bps"): _HUNDRED,
}
