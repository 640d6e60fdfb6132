"""How well something tells a label, with how sure one can be: areas, shares and correlations with lower bounds.

References
----------
Newcombe, R. G. (2006). Confidence intervals for an effect size measure based on the Mann-Whitney statistic. Part 2.
Statistics in Medicine 25(4). doi:10.1002/sim.2324

Newcombe, R. G. (1998). Interval estimation for the difference between independent proportions. Statistics in Medicine
17(8). doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I

Bonett, D. G. & Wright, T. A. (2000). Sample size requirements for estimating Pearson, Kendall and Spearman
correlations. Psychometrika 65. doi:10.1007/BF02294183

Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6(2).
https://www.jstor.org/stable/4615733
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import chdtrc, gammaln, ndtr, ndtri  # scipy.stats would double the start of every split

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

DRAWS = 9999  # tables drawn where counts are too small for the chi-square distribution
_ENOUGH = 5  # people expected in every cell, for that distribution to hold


def ranked(values: ArrayLike) -> NDArray[np.float64]:
    """Give the rank of each value, from 1; equal values share the mean of theirs."""
    return np.asarray(pd.Series(np.asarray(values, dtype=float)).rank(), dtype=np.float64)


def rank_sum(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Give the p value that two groups have the same values (Mann-Whitney U, normal approximation, ties corrected)."""
    sizes, both = (len(one), len(other)), np.concatenate([one, other])
    everybody = len(both)
    ties = np.unique(both, return_counts=True)[1]
    variance = sizes[0] * sizes[1] / 12 * (everybody + 1 - (ties**3 - ties).sum() / (everybody * (everybody - 1)))
    if variance <= 0:
        return 1.0
    above = ranked(both)[: sizes[0]].sum() - sizes[0] * (sizes[0] + 1) / 2 - sizes[0] * sizes[1] / 2
    return float(min(1.0, 2 * ndtr(-max(0.0, abs(above) - 0.5) / np.sqrt(variance))))


def areas(values: NDArray[np.float64], codes: NDArray[np.intp], classes: int) -> NDArray[np.float64]:
    """Give the area under the ROC curve of each class against all others, in the better direction.

    Parameters
    ----------
    values
        ``(people,)``, no NaN.
    codes
        Class of each, ``(people,)``, 0 to `classes` - 1.
    classes
        How many there are.

    Returns
    -------
    numpy.ndarray
        ``(classes,)``, 0.5 to 1; 0.5 where a class, or all others, have nobody.
    """
    counts = np.bincount(codes, minlength=classes).astype(float)
    ranks = np.bincount(codes, weights=ranked(values), minlength=classes)
    pairs = counts * (len(values) - counts)
    below = ranks - counts * (counts + 1) / 2
    area = np.divide(below, pairs, out=np.full(classes, 0.5), where=pairs > 0)
    better: NDArray[np.float64] = np.maximum(area, 1 - area)
    return better


def area_low(area: float, members: int, others: int, alpha: float) -> float:
    """Give the lower bound of an area (Newcombe 2006, method 5): it stays below 1 where everybody is told apart."""
    z, half = float(-ndtri(alpha / 2)), (members + others) / 2 - 1
    low, high = 0.0, area
    for _ in range(60):
        middle = (low + high) / 2
        spread = 1 + half * (1 - middle) / (2 - middle) + half * middle / (1 + middle)
        if area - middle > z * np.sqrt(middle * (1 - middle) * spread / (members * others)):
            low = middle
        else:
            high = middle
    return low


def share_low(hits: ArrayLike, of: ArrayLike, alpha: float) -> NDArray[np.float64]:
    """Give the lower bound of shares (Wilson)."""
    z2 = float(-ndtri(alpha / 2)) ** 2
    hits, of = np.asarray(hits, float), np.asarray(of, float)
    centre, spread = hits + z2 / 2, np.sqrt(z2 * (hits * (of - hits) / of + z2 / 4))
    low: NDArray[np.float64] = (centre - spread) / (of + z2)
    return low


def balanced_low(hits: ArrayLike, of: ArrayLike, alpha: float) -> float:
    """Give the lower bound of the mean of shares of different people, from theirs (Newcombe 1998, method 10)."""
    hits, of = np.asarray(hits, float), np.asarray(of, float)
    shares = hits / of
    return float(shares.mean() - np.sqrt(((shares - share_low(hits, of, alpha)) ** 2).sum()) / len(shares))


def correlation_low(correlation: float, people: int, alpha: float) -> float:
    """Give the lower bound of the size of a rank correlation (Bonett & Wright 2000)."""
    if people <= 4:  # noqa: PLR2004  (the variance needs more than three)
        return 0.0
    size = min(abs(correlation), 1 - 1e-12)
    spread = np.sqrt((1 + size**2 / 2) / (people - 3))
    return float(np.tanh(np.arctanh(size) + ndtri(alpha / 2) * spread))


def by_chance(members: int, others: int, ways: float = 1.0) -> float:
    """Give the chance that labels dealt at random are told apart without an error.

    Parameters
    ----------
    members, others
        How many people have the label, and have another.
    ways
        Logarithm (base 2) of how many dealings of the label are told apart: 1 for a threshold, the number of values
        for a column of names.
    """
    dealings = gammaln(members + others + 1) - gammaln(members + 1) - gammaln(others + 1)
    return float(np.exp(min(0.0, ways * np.log(2) - dealings)))


def association(one: NDArray[np.integer], other: NDArray[np.integer]) -> float:
    """Give the p value that two groups have the same classes.

    Parameters
    ----------
    one, other
        People of each class, ``(classes,)``.

    Returns
    -------
    float
        Of the chi-square distribution where at least five people are expected of every class in both groups; of drawn
        tables with the same margins, the same draws each time, where fewer are.
    """
    filled = (one + other) > 0
    one, other = one[filled], other[filled]
    both, groups = one + other, np.array([one.sum(), other.sum()])
    if len(both) < 2 or not groups.all():  # noqa: PLR2004  (one class cannot differ)
        return 1.0
    expected = groups[0] * both / both.sum()
    scale = 1 / expected + 1 / (both - expected)
    statistic = float((((one - expected) ** 2) * scale).sum())
    if min(expected.min(), (both - expected).min()) >= _ENOUGH:
        return float(chdtrc(len(both) - 1, statistic))
    drawn = np.random.default_rng(0).multivariate_hypergeometric(both, int(groups[0]), size=DRAWS, method="marginals")
    as_far = int(((((drawn - expected) ** 2) * scale).sum(axis=1) >= statistic * (1 - 1e-9)).sum())
    return (as_far + 1) / (DRAWS + 1)


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Give p values corrected for how many there are (Holm 1979)."""
    given = np.asarray(p, float)
    order = np.argsort(given, kind="stable")
    steps = np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1))
    corrected = np.empty_like(given)
    corrected[order] = np.minimum(steps, 1.0)
    return corrected
