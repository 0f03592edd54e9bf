"""The compiled Black function and its inverse, behind `quant.vanilla.black` and `implied`: numba, no global state.

P. Jaeckel, "Let's Be Rational" (Wilmott, 2015), in double precision. With x = -|ln(F/K)|, s = sigma sqrt(t),
h = x/s and t = s/2 the normalised out-of-the-money value is

    beta(x, s) = e^{-(h^2 + t^2)/2} / sqrt(2 pi) * s G(h, t),    G = (Y(h + t) - Y(h - t)) / 2t,    Y(z) = N(z)/n(z),

so that d ln beta / ds = 1 / (s G), and the complement e^{x/2} - beta has Y(-h - t) + Y(h - t) in the place of s G.
G is the mean of Y' over [h - t, h + t]: a Taylor series in t (his small-t expansion) or Gauss-Legendre, never a
difference of almost equal numbers. Y(-z), the Mills ratio (erfcx in disguise), and Y'(-z) are Chebyshev fits in
(z - 5)/(z + 5) on [0, 16], good to 2.4e-16, and their asymptotic series beyond.

Two passes. The first, branch-free so that it compiles to vector instructions, covers |x| <= 2, s <= 2, |h| <= 12: its
guess is the normal (Bachelier) deviation of the same price, bent to lognormal by a fitted polynomial (the expansion
it follows: C. Grunspan, 2011), 4e-5 off at worst; two Householder(3) steps follow, and the residual of the second is
the proof that the root is met. Whatever the first pass does not prove, the second solves: the paper's four-branch
rational guess between its exact boundary points (for |x| <= 1e-6, where those cancel, the normal model), then
Householder(3) in 1/ln beta on the lowest branch, in ln(e^{x/2} - beta) above half of the bound and in ln beta between,
until the residual proves the root, in a bracket that ends every search.

One file, because numba's cache on disk watches the file of the outermost function only. Import it late: numba and the
code take half a second to load, and the first process after an installation compiles for about four.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.extending import intrinsic

F = TypeVar("F", bound=Callable[..., Any])

# Reason codes; the order of `quant.vanilla.implied.REASONS`.
OK, BELOW_INTRINSIC, ABOVE_BOUND, NONPOSITIVE_PRICE, NO_TIME, BAD_INPUT, UNDERFLOW = range(7)
_OPEN = 127  # not proven by the first pass

_ROOT_2PI = 2.5066282746310002
_ROOT_HALF_PI = 1.2533141373155003
_ROOT_3 = 1.7320508075688772
_SMALLEST = 2.2250738585072014e-308  # the smallest normal double
_LN2_HIGH, _LN2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10  # ln 2 in two parts, the first with zero bits
_ROOT_HALF_BITS = 0x3FE6A09E667F3BCD  # the bits of sqrt(1/2)
_ONE_BITS = 0x3FF0000000000000

# Polynomials, constant term first. (1 + z) Y(-z) and (1 + z)^2 Y'(-z) in v = 2.625 z/(z + 5) - 1; _NORMAL: d/y of the
# normal model in (y - 12)/(y + 12), with d = m/eta and y = ln(1 + m/beta); _BEND_i: factors of eta^{2i}, in x^2.
_MILLS = (
    1.2152920801450746, -0.19619378037166024, 0.01564147705827899, 0.059817735289001625, -0.060785699314535764,
    0.03552749703472881, -0.014008911515993256, 0.0035068834484415874, -0.0003223757487769649,
    -0.00011805766457146107, 4.1891435790729006e-05, 1.1788823325879304e-06, -2.9228426599819476e-06,
    1.5079315427046926e-07, 2.0524386907633883e-07, -1.6004018039961024e-08, -1.611378714217787e-08,
    8.986049605697242e-10, 1.3744049500168284e-09, -1.749040677684962e-12, -1.1259610051610157e-10,
    -4.292520038957844e-12, 6.403717771312574e-12,
)  # fmt: skip
_DECAY = (
    1.3762176928546863, -0.22372176326366233, -0.19104733601860205, 0.2704956510171415, -0.15411587664870563,
    0.03206247797563897, 0.019192361792336337, -0.019760220703329952, 0.008005932200290026, -0.0012577691917967926,
    -0.0002885708646407187, 0.00015774066964102453, -9.125905528197591e-07, -1.2876742162330052e-05,
    1.0266255882512242e-06, 1.0690125143666095e-06, -1.0381481784096863e-07, -9.796287875825459e-08,
    5.887233912609769e-09, 9.487296946296236e-09, 1.5928886066315903e-10, -8.495632394403601e-10,
    -9.232783831310924e-11, 5.0595953943434607e-11, 9.658540263917263e-12,
)  # fmt: skip
_NORMAL = (
    0.310432631, -0.173144549, -0.0272837763, 0.0299993264, -0.374160264, -0.00564454308, 1.54864857, -0.14559051,
    -3.14901295, 0.279014732, 2.97886591, -0.17293166, -1.07714888,
)  # fmt: skip
_BEND_1 = (
    0.0418706531, -0.0079603769, 0.00652957285, -0.0011305385,
)  # fmt: skip
_BEND_2 = (
    0.00324562607, 0.00418198429, -0.015447704, 0.00333291481,
)  # fmt: skip
_BEND_3 = (
    0.000404130013, 0.00787550809, 0.00724202718, -0.0022145865,
)  # fmt: skip
_BEND_4 = (
    -0.000488992063, -0.00887701295, 0.000648011345, 0.000384609508,
)  # fmt: skip
_BEND_5 = (
    0.000449166679, 0.00264551609, -0.000830651082, 3.7333353e-05,
)  # fmt: skip
_BEND_6 = (
    -8.399955e-05, -0.000238705711, 0.000105871305, -1.04178797e-05,
)  # fmt: skip
_ATANH = tuple(1.0 / (2 * n + 1) for n in range(12))
_EXP = tuple(1.0 / math.factorial(n) for n in range(14))
_SINH = (1.0, 1 / 24, 1 / 1920, 1 / 322560, 1 / 92897280)  # 2 sinh(x/2)/x in x^2
_SERIES = 17  # the last odd derivative of Y in the series of G is number 2 * 17 + 1
_NODES, _WEIGHTS = (tuple(float(v) for v in part) for part in np.polynomial.legendre.leggauss(12))


def _polynomial(coefficients: tuple[float, ...]) -> Callable[[float], float]:
    """Horner's rule unrolled, each multiply and add free to fuse."""

    @intrinsic  # type: ignore[untyped-decorator]
    def evaluate(typing_context: Any, x: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            total = ir.Constant(ir.DoubleType(), coefficients[-1])
            for value in reversed(coefficients[:-1]):
                product = builder.fmul(total, args[0], flags=("contract",))
                total = builder.fadd(product, ir.Constant(ir.DoubleType(), value), flags=("contract",))
            return total

        return types.float64(types.float64), build

    return cast(Callable[[float], float], evaluate)


@intrinsic  # type: ignore[untyped-decorator]
def _bitcast_to(typing_context: Any, x: Any) -> Any:
    return types.int64(types.float64), lambda context, builder, sig, args: builder.bitcast(args[0], ir.IntType(64))


@intrinsic  # type: ignore[untyped-decorator]
def _bitcast_from(typing_context: Any, x: Any) -> Any:
    return types.float64(types.int64), lambda context, builder, sig, args: builder.bitcast(args[0], ir.DoubleType())


@intrinsic  # type: ignore[untyped-decorator]
def _fused(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c, rounded once."""
    signature = types.float64(types.float64, types.float64, types.float64)
    return signature, lambda context, builder, sig, args: builder.fma(*args)


_to_bits, _from_bits = cast(Callable[[float], int], _bitcast_to), cast(Callable[[int], float], _bitcast_from)
_fma = cast(Callable[[float, float, float], float], _fused)
_mills_fit, _decay_fit, _normal_fit = _polynomial(_MILLS), _polynomial(_DECAY), _polynomial(_NORMAL)
_bend_1, _bend_2, _bend_3 = _polynomial(_BEND_1), _polynomial(_BEND_2), _polynomial(_BEND_3)
_bend_4, _bend_5, _bend_6 = _polynomial(_BEND_4), _polynomial(_BEND_5), _polynomial(_BEND_6)
_atanh_fit, _exp_fit, _sinh_fit = _polynomial(_ATANH), _polynomial(_EXP), _polynomial(_SINH)


def _vector(function: F) -> F:
    """Inlined into the first pass; a product and a sum may fuse, which only sharpens."""
    return cast(F, njit(error_model="numpy", fastmath={"contract"}, forceinline=True)(function))


def _scalar(function: F) -> F:
    """As `_vector`, called rather than inlined: the second pass need not be vector code, and compiles sooner."""
    return cast(F, njit(error_model="numpy", fastmath={"contract"})(function))


def _exact(function: F) -> F:
    """Every rounding as written: for sums that recover what an operation lost."""
    return cast(F, njit(error_model="numpy", forceinline=True)(function))


@_vector
def _log_ratio(high: float, low: float) -> float:
    """ln(high/low) for high >= low > 0, to a relative ulp or two also where it is near 0."""
    power = (_to_bits(high / low) - _ROOT_HALF_BITS) >> 52
    scaled = low * _from_bits(_ONE_BITS + (power << 52))
    z = (high - scaled) / (high + scaled)
    return power * _LN2_HIGH + (2.0 * z * _atanh_fit(z * z) + power * _LN2_LOW)


@_vector
def _exp(q: float) -> float:
    """e^q for 0 <= q <= 300; anything else counts as 300."""
    held = q if 0.0 <= q < 300.0 else 300.0
    power = math.floor(held * 1.4426950408889634 + 0.5)
    rest = (held - power * _LN2_HIGH) - power * _LN2_LOW
    return _exp_fit(rest) * _from_bits(_ONE_BITS + (int(power) << 52))


@_exact
def _exponent(x: float, s: float) -> tuple[float, float]:
    """(h^2 + t^2)/2 and what its roundings lost."""
    h, t = x / s, 0.5 * s
    square, other = h * h, t * t
    total = square + other
    bare = total - square
    lost = (square - (total - bare)) + (other - bare)
    lost += _fma(h, h, -square) + _fma(t, t, -other) + 2.0 * h * (_fma(-h, s, x) / s)
    return 0.5 * total, 0.5 * lost


@_vector
def _series(h: float, t: float) -> float:
    """G by Taylor: Y' = 1 + h Y, Y^(k+1) = k Y^(k-1) + h Y^(k). For -16 <= h <= 0, t <= 1, |h t| <= 1."""
    v = 2.625 * -h / (5.0 - h) - 1.0
    rim = 1.0 / (1.0 - h)
    even = rim * _mills_fit(v)
    odd = rim * rim * _decay_fit(v)
    square = t * t
    total, power = odd, 1.0
    for k in range(1, _SERIES + 1):
        even = (2 * k - 1) * even + h * odd
        odd = 2 * k * odd + h * even
        power = power * square * (1.0 / ((2 * k) * (2 * k + 1)))
        total += power * odd
    return total


@_vector
def _householder(newton: float, gain: float, h: float, t: float) -> float:
    """The relative step of order four for f = ln b, given Newton's (-f / (s f')) and gain = s f'."""
    bend = h * h - t * t  # s b'' / b'
    second = bend - gain
    third = bend * bend - (3.0 * h * h + t * t) - 3.0 * bend * gain + 2.0 * gain * gain
    return newton * (1.0 + 0.5 * second * newton) / (1.0 + newton * (second + third * newton / 6.0))


@_vector
def _guess(beta: float, x: float, m: float) -> float:
    """s from the normal model; m = 2 sinh(|x|/2)."""
    y = _log_ratio(beta + m, beta)
    far = m / (y * _normal_fit((y - 12.0) / (y + 12.0)))
    ratio = m / (2.0 * beta + m)
    near = _ROOT_2PI * (beta + 0.5 * m) * (1.0 - ratio * ratio * 0.3183098861837907)
    eta = near if ratio < 0.02 else far
    e2, x2 = eta * eta, x * x
    bent = _bend_1(x2) + e2 * (
        _bend_2(x2) + e2 * (_bend_3(x2) + e2 * (_bend_4(x2) + e2 * (_bend_5(x2) + e2 * _bend_6(x2))))
    )
    return eta / _sinh_fit(x2) * (1.0 + e2 * bent)


@_vector
def _proven(beta: float, x: float, m: float) -> tuple[float, bool]:
    """(s, whether it is the root to machine accuracy) without a branch."""
    s = _guess(beta, x, m)
    h, t = x / s, 0.5 * s
    g = _series(h, t)
    z = beta * _ROOT_2PI / (s * g) * _exp(0.5 * (h * h + t * t)) - 1.0  # beta over the value at s, less 1
    f = z / (z + 2.0)
    inside = (h >= -12.0) & (t <= 1.0) & (abs(z) < 0.25)
    s += s * _householder(2.0 * f * _atanh_fit(f * f) * g, 1.0 / g, h, t)
    h, t = x / s, 0.5 * s
    g = _series(h, t)
    z = beta * _ROOT_2PI / (s * g) * _exp(0.5 * (h * h + t * t)) - 1.0
    inside = inside & (h >= -12.0) & (t <= 1.0) & (x >= -2.0) & (abs(z) < 1e-4)
    s += s * _householder((z - 0.5 * z * z + z * z * z / 3.0) * g, 1.0 / g, h, t)
    return s, inside


@_scalar
def _mills(z: float) -> float:
    """Y(-z) = N(-z)/n(z) for z >= 0."""
    if z <= 16.0:
        return float(_mills_fit(2.625 * z / (z + 5.0) - 1.0)) / (1.0 + z)
    term, total, r = 1.0, 1.0, 1.0 / (z * z)
    for k in range(1, 14):
        term *= -(2 * k - 1) * r
        total += term
    return total / z


@_scalar
def _decay(z: float) -> float:
    """Y'(-z) = 1 - z Y(-z) for z >= 0."""
    if z <= 16.0:
        return float(_decay_fit(2.625 * z / (z + 5.0) - 1.0)) / ((1.0 + z) * (1.0 + z))
    r = 1.0 / (z * z)
    term = total = r
    for k in range(1, 14):
        term *= -(2 * k + 1) * r
        total += term
    return total


@_scalar
def _mean_slope(h: float, t: float) -> float:
    """G(h, t) for h <= 0 < t; infinite where h + t > 37."""
    if t <= 1.0 and h >= -13.5 and h * t >= -1.0:
        return _series(h, t)
    if t <= 1.0 and h + t <= 0.0:
        total = 0.0
        for i in range(len(_NODES)):
            total += _WEIGHTS[i] * _decay(-(h + t * _NODES[i]))
        return 0.5 * total
    top = h + t
    first = _mills(-top) if top <= 0.0 else _ROOT_2PI * math.exp(0.5 * top * top) - _mills(top)
    return (first - _mills(t - h)) / (2.0 * t)


@_scalar
def _density(x: float, s: float) -> float:
    """e^{-(h^2 + t^2)/2} / sqrt(2 pi), to an ulp or two however large the exponent."""
    q, lost = _exponent(x, s)
    return math.exp(-q) / _ROOT_2PI * (1.0 - lost)


@_scalar
def _value(x: float, s: float) -> float:
    """beta(x, s) for x <= 0 < s."""
    h, t = x / s, 0.5 * s
    if h + t > 0.0 and not (t <= 1.0 and h * t >= -1.0):
        return math.exp(0.5 * x) - _complement(x, s)
    return _density(x, s) * s * _mean_slope(h, t)


@_scalar
def _complement(x: float, s: float) -> float:
    """e^{x/2} - beta(x, s) where x/s + s/2 >= 0."""
    h, t = x / s, 0.5 * s
    return _density(x, s) * (_mills(h + t) + _mills(t - h))


@_scalar
def _quantile(p: float) -> float:
    """N^{-1}(p) for 0 < p <= 1/2 to seven digits: M. J. Wichura, AS 241 (1988), PPND7."""
    q = p - 0.5
    if q >= -0.425:
        r = 0.180625 - q * q
        top = ((59.109374720 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179
        return q * top / (((67.187563600 * r + 78.757757664) * r + 17.895169469) * r + 1.0)
    r = math.sqrt(-math.log(p))
    if r <= 5.0:
        r -= 1.6
        top = ((0.17023821103 * r + 1.3067284816) * r + 2.7568153900) * r + 1.4234372777
        return -top / ((0.12021132975 * r + 0.73700164250) * r + 1.0)
    r -= 5.0
    top = ((0.017337203997 * r + 0.42868294337) * r + 3.0812263860) * r + 6.6579051150
    return -top / ((0.012258202635 * r + 0.24197894225) * r + 1.0)


@_scalar
def _cubic(
    at: float, left: float, right: float, y0: float, y1: float, d0: float, d1: float, curve: float, at_left: bool
) -> float:
    """R. Delbourgo and J. A. Gregory's rational cubic (1985) with the second derivative `curve` at one of its ends."""
    width = right - left
    if not width > 0.0:
        return 0.5 * (y0 + y1)
    chord = (y1 - y0) / width
    free = (0.5 * width * curve + d1 - d0) / (chord - d0 if at_left else d1 - chord)
    r = max(free, (d0 + d1) / chord, -0.99) if math.isfinite(free) else (d0 + d1) / chord  # monotone
    u = (at - left) / width
    w = 1.0 - u
    top = y1 * u * u * u + (r * y1 - width * d1) * u * u * w + (r * y0 + width * d0) * u * w * w + y0 * w * w * w
    return top / (1.0 + (r - 3.0) * u * w)


@_scalar
def _branches(beta: float, x: float, top: float, cut: float) -> tuple[float, int]:
    """(guess, branch 0 to 3) of the paper, section 4; cut = sqrt(2|x|), where beta(x, .) has its inflection."""
    middle = _value(x, cut)
    steep = math.exp(0.5 * x) / _ROOT_2PI
    low, high = cut - middle / steep, cut + (top - middle) / steep
    if beta < middle:
        h, t = x / low, 0.5 * low
        below = _value(x, low)
        if beta >= below:
            slope = math.exp(0.5 * (h * h + t * t)) * _ROOT_2PI
            return _cubic(beta, below, middle, low, cut, slope, 1.0 / steep, 0.0, False), 1
        z = h / _ROOT_3
        y = 0.5 * math.erfc(-z / 1.4142135623730951)
        density = math.exp(-0.5 * z * z) / _ROOT_2PI
        f = 2.0 * math.pi * -x / (3.0 * _ROOT_3) * y * y * y
        d = 2.0 * math.pi * y * y * math.exp(z * z + 0.125 * low * low)
        bend = 8.0 * _ROOT_3 * low * -x + (3.0 * low * low * (low * low - 8.0) - 8.0 * x * x) * y / density
        curve = math.pi / 6.0 * z * z / (low * low * low) * y * bend * math.exp(2.0 * z * z + 0.25 * low * low)
        found = _cubic(beta, 0.0, below, 0.0, f, 1.0, d, curve, False)
        if not found > 0.0:
            found = f * beta / below
        cube = (3.0 * _ROOT_3 * found / (2.0 * math.pi * -x)) ** (1.0 / 3.0)
        return -x / (_ROOT_3 * -_quantile(min(cube, 0.5))), 0
    h, t = x / high, 0.5 * high
    above = _value(x, high)
    slope = math.exp(0.5 * (h * h + t * t)) * _ROOT_2PI
    if beta <= above:
        return _cubic(beta, middle, above, cut, high, 1.0 / steep, slope, 0.0, True), 2
    f = 0.5 * math.erfc(0.5 * high / 1.4142135623730951)
    d = -0.5 * math.exp(0.5 * h * h)
    curve = _ROOT_HALF_PI * math.exp(h * h + 0.125 * high * high) * h * h / high
    found = _cubic(beta, above, top, f, 0.0, d, -0.5, curve, True)
    if not found > 0.0:
        found = f * (top - beta) / (top - above)
    return -2.0 * _quantile(min(found, 0.5)), 3


@_scalar
def _near(beta: float, x: float) -> float:
    """Guess for beta < 1/2 and |x| <= 1e-6: the normal model, from its asymptotic series where the deviate is large."""
    y = math.log(-x / beta) if -x > beta else 0.0
    if y < 100.0:
        return _guess(beta, x, -x)
    d = math.sqrt(2.0 * y)
    for _ in range(4):
        d = math.sqrt(2.0 * (y - math.log(_ROOT_2PI) - 3.0 * math.log(d)) - 6.0 / (d * d))
    return -x / d


@_scalar
def _everywhere(beta: float, rest: float, x: float) -> float:
    """s for x <= 0, beta > 0 and rest = e^{x/2} - beta > 0, anywhere in the domain."""
    top, cut = math.exp(0.5 * x), math.sqrt(-2.0 * x)
    upper = beta > 0.5 * top
    if x < -1e-6:
        s, branch = _branches(beta, x, top, cut)
    else:  # the four branches' boundaries would cancel
        s, branch = (-2.0 * _quantile(0.5 * rest), 3) if upper else (_near(beta, x), 1)
    low, high = (cut if upper else 0.0), math.inf
    if not (s > low and s < high):
        s = cut + 0.5
    share = rest if upper else beta
    goal = math.log(share)
    for count in range(4000):  # at most 30 free steps, then bisection to the last bit
        h, t = x / s, 0.5 * s
        q = 0.5 * (h * h + t * t)
        if upper:
            spread = _mills(h + t) + _mills(t - h)
            gain = -s / spread
        else:
            slope = _mean_slope(h, t)
            spread, gain = s * slope, 1.0 / slope
        # ln of the share wanted over the share at s
        gap = (
            math.log(share * _ROOT_2PI / spread * math.exp(q)) if q < 700.0 else goal + q - math.log(spread / _ROOT_2PI)
        )
        if (gap > 0.0) != upper:
            low = s
        else:
            high = s
        newton = gap / gain
        if branch == 0 and not upper:  # in 1 / ln beta, nearly straight there
            here = goal - gap
            bend = h * h - t * t
            two, three = bend - gain, bend * bend - (3.0 * h * h + t * t) - 3.0 * bend * gain + 2.0 * gain * gain
            second = two - 2.0 * gain / here
            third = three - 6.0 * gain * two / here + 6.0 * gain * gain / (here * here)
            bent = newton * here / goal
            step = bent * (1.0 + 0.5 * second * bent) / (1.0 + bent * (second + third * bent / 6.0))
        else:
            step = _householder(newton, gain, h, t)
        if abs(gap) <= 1e-4 and abs(step) <= 1e-3:  # what is left after this step is gap^4
            return s + s * step
        fresh = s + s * step
        if not low < fresh < high:
            fresh = s + s * newton
        if count >= 30 or not low < fresh < high:
            fresh = 0.5 * (low + high) if high < math.inf else 2.0 * s
        if fresh == s:
            break
        s = fresh
    return s


@_exact
def _time_value(price: float, forward: float, strike: float, discount: float, inside: bool) -> float:
    """price - discount |forward - strike| if `inside`, rounded only once or twice however much cancels."""
    gap = forward - strike
    back = gap - forward
    tail = (forward - (gap - back)) - (strike + back)  # what the subtraction lost
    whole = discount * gap
    lost = _fma(discount, gap, -whole) + discount * tail
    return (price - abs(whole)) - (lost if gap > 0.0 else -lost) if inside else price


@_exact
def _room(unit: float, discount: float, low: float, value: float) -> float:
    """discount low - value, where unit = discount low as rounded."""
    return (unit - value) + _fma(discount, low, -unit)


@_vector
def _one(price: float, f: float, k: float, t: float, d: float, call: bool) -> tuple[float, int]:
    """(sigma, reason) of one option; (any, _OPEN) where it is not proven."""
    numbers = abs(price) < math.inf and abs(t) < math.inf and 0.0 < f < math.inf and 0.0 < k < math.inf
    usable = numbers and 0.0 < d < math.inf
    inside = (f > k) == call and f != k
    value = _time_value(price, f, k, d, inside)
    low, high = (k, f) if f > k else (f, k)
    unit, root = d * low, math.sqrt(high / low)
    beta = value / (unit * root)
    s, proven = _proven(beta, -_log_ratio(high, low), (high - low) / (low * root))
    sigma = s / math.sqrt(t)
    reason = OK if proven and sigma >= _SMALLEST else _OPEN
    reason = UNDERFLOW if beta < _SMALLEST else reason
    usable = (
        usable and unit >= _SMALLEST and unit * root < math.inf and d * high < math.inf
    )  # F/K, D F and D K are doubles
    reason = ABOVE_BOUND if value >= unit else reason
    reason = BELOW_INTRINSIC if value <= 0.0 else reason
    reason = NONPOSITIVE_PRICE if price <= 0.0 else reason
    reason = NO_TIME if t <= 0.0 else reason
    reason = reason if usable else BAD_INPUT
    return sigma, reason


@_scalar
def _rest(price: float, f: float, k: float, t: float, d: float, call: bool) -> float:
    """sigma of one option that the first pass left open."""
    inside = (f > k) == call and f != k
    value = _time_value(price, f, k, d, inside)
    low, high = min(f, k), max(f, k)
    unit, root = d * low, math.sqrt(high / low)
    rest = _room(unit, d, low, value) / (unit * root)
    s = _everywhere(value / (unit * root), rest, -_log_ratio(high, low))
    return s / math.sqrt(t)


@_vector
def _priced(f: float, k: float, t: float, v: float, d: float, call: bool) -> tuple[float, bool]:
    """(Black's price, whether it holds): in the domain of the first pass."""
    low, high = (k, f) if f > k else (f, k)
    root, s = math.sqrt(high / low), v * math.sqrt(t)
    x = -_log_ratio(high, low)
    h, half = x / s, 0.5 * s
    q, lost = _exponent(x, s)
    beta = s * _series(h, half) / (_ROOT_2PI * _exp(q)) * (1.0 - lost)
    outer = d * low * root * beta
    inside = (f > k) == call and f != k
    held = x >= -2.0 and h >= -12.0 and 0.0 < half <= 1.0 and t > 0.0 and low > 0.0 and high < math.inf
    return outer + d * (high - low) if inside else outer, held


@_scalar
def _priced_anywhere(f: float, k: float, t: float, v: float, d: float, call: bool) -> float:
    """Black's price with its limits; NaN for NaN and for a negative forward, strike or volatility."""
    if not (f >= 0.0 and k >= 0.0 and v >= 0.0 and t == t and d == d):
        return math.nan
    low, high = min(f, k), max(f, k)
    s = v * math.sqrt(t) if t > 0.0 and v > 0.0 else 0.0
    if s == 0.0 or low == 0.0 or high == math.inf:
        outer = 0.0
    elif s > 1e3:  # beta is its bound to the last digit
        outer = d * low
    else:
        apart = high / low < math.inf
        root = math.sqrt(high / low) if apart else math.sqrt(high) / math.sqrt(low)
        x = -_log_ratio(high, low) if apart else math.log(low) - math.log(high)
        outer = d * low * min(root * _value(x, s), 1.0)
    return outer + d * (high - low) if (f > k) == call and f != k else outer


def _prices(forward: Any, strike: Any, t: Any, sigma: Any, discount: Any, is_call: Any, price: Any, held: Any) -> None:
    for i in range(len(price)):
        price[i], held[i] = _priced(forward[i], strike[i], t[i], sigma[i], discount[i], is_call[i])
    for i in range(len(price)):
        if not held[i]:
            price[i] = _priced_anywhere(forward[i], strike[i], t[i], sigma[i], discount[i], is_call[i])


def _solve(price: Any, forward: Any, strike: Any, t: Any, discount: Any, is_call: Any, sigma: Any, reason: Any) -> None:
    for i in range(len(price)):
        sigma[i], reason[i] = _one(price[i], forward[i], strike[i], t[i], discount[i], is_call[i])
    for i in range(len(price)):
        if reason[i] == _OPEN:
            sigma[i] = _rest(price[i], forward[i], strike[i], t[i], discount[i], is_call[i])
            reason[i] = OK if sigma[i] >= _SMALLEST else UNDERFLOW
        if reason[i] != OK:
            sigma[i] = math.nan


def _solve_normalised(beta: Any, x: Any, s: Any, reason: Any) -> None:
    for i in range(len(beta)):
        b, y = beta[i], -abs(x[i])
        top = math.exp(0.5 * y)
        if not (abs(b) < math.inf and y > -math.inf):
            reason[i] = BAD_INPUT
        elif b <= 0.0:
            reason[i] = NONPOSITIVE_PRICE
        elif b < _SMALLEST:
            reason[i] = UNDERFLOW
        elif b >= top:
            reason[i] = ABOVE_BOUND
        else:
            reason[i] = OK
            s[i], proven = _proven(b, y, math.exp(-0.5 * y) - top)
            if not proven:
                s[i] = _everywhere(b, top - b, y)
        if reason[i] != OK:
            s[i] = math.nan


def _values(x: Any, s: Any, beta: Any) -> None:
    for i in range(len(x)):
        beta[i] = _value(-abs(x[i]), s[i]) if s[i] > 0.0 else (0.0 if s[i] == 0.0 else math.nan)


def _compiled(function: Callable[..., None], *signature: Any) -> Callable[..., None]:
    """Machine code, kept on disk where numba finds a place (NUMBA_CACHE_DIR, beside this file, the user's cache)."""
    flags = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
    try:
        return cast(Callable[..., None], njit(*signature, cache=True, **flags)(function))
    except RuntimeError:  # nowhere to write: compile in every process
        return cast(Callable[..., None], njit(*signature, **flags)(function))


_READ, _READ_FLAGS = (
    types.Array(types.float64, 1, "C", readonly=True),
    types.Array(types.boolean, 1, "C", readonly=True),
)
_WRITE, _WRITE_CODE = types.Array(types.float64, 1, "C"), types.Array(types.int8, 1, "C")

# (price, forward, strike, t, discount, is_call; sigma, reason): the last two are filled.
solve = _compiled(_solve, types.void(*(_READ,) * 5, _READ_FLAGS, _WRITE, _WRITE_CODE))
# (forward, strike, t, sigma, discount, is_call; price, scratch).
prices = _compiled(_prices, types.void(*(_READ,) * 5, _READ_FLAGS, _WRITE, types.Array(types.boolean, 1, "C")))
# (beta, x; s, reason) and (x, s; beta) in normalised terms; compiled at their first call.
solve_normalised = _compiled(_solve_normalised)
value_normalised = _compiled(_values)
