"""Figures from plain numbers: learning curves, ROC, confusion matrix, flow of people, slices.

Text, axes and arrows are drawn in one ink, which `svg` gives over to the page's text colour, on a transparent ground;
so a figure suits a light page and a dark one. Nothing here touches the state that pyplot shares.
"""

from __future__ import annotations

import textwrap
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import MaxNLocator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
    Slices = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]

INK = "#010203"
COLOURS = ("#3f7fc4", "#d1762c", "#3c9b72", "#9a6bc4", "#c7516f", "#8a8f3c", "#4ba3b5", "#a8795a")
_STYLE: dict[Any, Any] = {
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlesize": 10,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "font.size": 9,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "savefig.facecolor": "none",
    "text.color": INK,
    "text.parse_math": False,  # a class may be called $x$
    "xtick.color": INK,
    "ytick.color": INK,
}
_MOST_POINTS = 400
_LINE = 0.175  # inches of a line of text
_WIDTH = 7.2


class Stage(NamedTuple):
    """A box of the flow diagram.

    Attributes
    ----------
    title, counts
        What people had to be to come here, and how many did.
    left
        Lines on those who did not come further than the stage before; shown beside the arrow.
    """

    title: str
    counts: str
    left: tuple[str, ...] = ()


@contextmanager
def style() -> Iterator[None]:
    """Draw as the report draws, whatever the user's own matplotlib settings are."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


_SHORT = ("mae", "mse", "rmse", "psnr", "ssim", "lncc")


def learning_curves(log: pd.DataFrame, kept: Mapping[str, int]) -> Figure:
    """Draw training and validation loss, and the metric that is followed beside it, over the epochs.

    Parameters
    ----------
    log
        One row an epoch: ``epoch`` (from 0), ``loss_train``, ``loss_valid``, and the same of other metrics, such as
        ``balanced-accuracy_train``; a pair that is not there is not drawn.
    kept
        Selection metric -> the epoch (from 0) it kept.

    Returns
    -------
    matplotlib.figure.Figure
        Epochs count from 1, as people do.
    """
    with style():
        figure = Figure(figsize=(_WIDTH, 2.5), layout="constrained")
        followed = [str(name).removesuffix("_valid") for name in log if str(name).endswith("_valid")]
        beside = next((name for name in followed if name != "loss"), "balanced-accuracy")
        for axes, name in zip(figure.subplots(1, 2), ("loss", beside), strict=True):
            title = name.upper() if name in _SHORT else name.replace("-", " ").capitalize()
            axes.set_title(title, loc="left")
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            for side, word, colour in (("train", "training", COLOURS[0]), ("valid", "validation", COLOURS[1])):
                if f"{name}_{side}" in log:
                    mark = "o" if len(log) < 30 else None  # noqa: PLR2004  (few points would make no line)
                    axes.plot(
                        log["epoch"] + 1, log[f"{name}_{side}"], marker=mark, ms=3, lw=1.5, color=colour, label=word
                    )
            if name == "balanced-accuracy":
                axes.axhline(0.5, color=INK, lw=0.6, ls=":")
            _mark_kept(axes, kept)
            if axes.get_legend_handles_labels()[0]:
                axes.legend(loc="best")
    return figure


def roc(curves: Mapping[str, Curve], bold: str | None = None) -> Figure:
    """Draw ROC curves.

    Parameters
    ----------
    curves
        Name -> false and true positive rates, each ``(thresholds,)``.
    bold
        The curve that matters most.
    """
    with style():
        figure = Figure(figsize=(3.5, 3.3), layout="constrained")
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=INK, lw=0.6, ls=":")
        for number, (name, (fpr, tpr)) in enumerate(curves.items()):
            at = np.unique(np.linspace(0, len(fpr) - 1, _MOST_POINTS).round().astype(int))
            first = name == bold or len(curves) == 1
            colour = COLOURS[number % len(COLOURS)]
            axes.plot(fpr[at], tpr[at], color=colour, lw=2.8 if first else 1.2, label=name, zorder=2 if first else 3)
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
        axes.set(xlabel="1 - specificity", ylabel="sensitivity")
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
        if curves:
            handles = axes.lines[1:]
            axes.legend(handles, [textwrap.shorten(name, 40, placeholder="...") for name in curves], loc="lower right")
    return figure


def agreement(true: NDArray[np.float64], predicted: NDArray[np.float64]) -> Figure:
    """Draw predicted values against true ones, each ``(images,)``, in the label's unit."""
    with style():
        figure = Figure(figsize=(3.5, 3.3), layout="constrained")
        axes = figure.subplots()
        ends = [min(true.min(), predicted.min()), max(true.max(), predicted.max())]
        axes.plot(ends, ends, color=INK, lw=0.6, ls=":")
        axes.scatter(true, predicted, s=14, color=COLOURS[0], alpha=0.7, linewidths=0)
        axes.set(xlabel="true", ylabel="predicted", aspect="equal")
    return figure


def confusion_matrix(counts: pd.DataFrame) -> Figure:
    """Draw how many of each true class (rows) were called what (columns), shaded by the share of the row."""
    with style():
        classes = len(counts)
        size = 0.55 * classes + 0.35
        figure = Figure(figsize=(size + 1.5, size + 0.9), layout="constrained")
        axes = figure.subplots()
        values = counts.to_numpy(np.float64)
        total = values.sum(axis=1, keepdims=True)
        shares = np.divide(values, total, out=np.zeros_like(values), where=total > 0)
        for row in range(classes):
            for column in range(classes):
                colour = COLOURS[0] if row == column else COLOURS[1]
                edges = (column - 0.48, row - 0.48)
                axes.add_patch(_cell(edges, colour, 0.08 + 0.62 * shares[row, column]))
                axes.text(
                    column,
                    row - 0.08,
                    f"{values[row, column]:.0f}",
                    ha="center",
                    va="center",
                    fontsize=11,
                    weight="bold",
                )
                axes.text(column, row + 0.26, f"{shares[row, column]:.0%}", ha="center", va="center", fontsize=7.5)
        axes.set(xlim=(-0.5, classes - 0.5), ylim=(classes - 0.5, -0.5), aspect="equal")
        axes.set(xlabel="called", ylabel="truly")
        axes.set_xticks(range(classes), [_short(name) for name in counts.columns], rotation=45 if classes > 3 else 0)  # noqa: PLR2004
        axes.set_yticks(range(classes), [_short(name) for name in counts.index])
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
    return figure


def flow_diagram(stages: Sequence[Stage], ends: Sequence[tuple[str, Sequence[str]]] = ()) -> Figure:
    """Draw who came in, who left on the way and where the others ended, in the manner of CONSORT.

    Parameters
    ----------
    stages
        From the first to the last.
    ends
        Title and lines of the boxes that the last stage is shared out to.

    References
    ----------
    Schulz, K. F., Altman, D. G. & Moher, D. (2010). CONSORT 2010 statement. BMJ 340, c332. doi:10.1136/bmj.c332
    """
    boxes = [
        ([*textwrap.wrap(stage.title, 46)[:3], stage.counts], [w for line in stage.left for w in _wrapped(line)])
        for stage in stages
    ]
    finals = [[*textwrap.wrap(title, 26)[:2], *lines] for title, lines in ends]
    gaps = [0.3 + _LINE * len(left) for _, left in boxes]
    height = sum(_LINE * len(words) + 0.2 for words, _ in boxes) + sum(gaps[1:]) + 0.1
    if finals:
        height += 0.45 + _LINE * max(map(len, finals)) + 0.2
    with style():
        figure = Figure(figsize=(_WIDTH, height))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, _WIDTH), ylim=(0, height))
        axes.axis("off")
        y = height - 0.05
        for number, ((words, left), gap) in enumerate(zip(boxes, gaps, strict=True)):
            if number:
                _arrow(axes, (1.9, y), (1.9, y - gap))
                if left:
                    _arrow(axes, (1.9, y - gap / 2), (4.1, y - gap / 2))
                    _box(axes, (4.1, y - 0.08), 3.0, left, COLOURS[1], "left")
                y -= gap
            y = _box(axes, (0.1, y), 3.6, words, COLOURS[0])
        for number, words in enumerate(finals):
            width = (_WIDTH - 0.2 + 0.2) / len(finals) - 0.2
            x = 0.1 + number * (width + 0.2)
            if stages:
                bend = [(1.9, y), (1.9, y - 0.2), (x + width / 2, y - 0.2)]
                axes.plot(*zip(*bend, strict=True), color=INK, lw=0.8)
                _arrow(axes, (x + width / 2, y - 0.2), (x + width / 2, y - 0.45))
            _box(axes, (x, y - 0.45), width, words, COLOURS[2])
    return figure


def slices_mosaic(images: Mapping[str, Slices]) -> Figure:
    """Show images, one a row, by a sagittal, a coronal and an axial slice each.

    Parameters
    ----------
    images
        Caption -> three 2-D arrays: ``(y, z)``, ``(x, z)``, ``(x, y)``, RAS+; shown with the first axis to the right
        and the second upwards, so that the person's left is on the left. Grey levels go from the 1st to the 99th
        percentile of each image.
    """
    with style():
        figure = Figure(figsize=(_WIDTH, 2.45 * max(len(images), 1)), facecolor="black", layout="constrained")
        rows = figure.subplots(max(len(images), 1), 3, squeeze=False)
        for (caption, slices), row in zip(images.items(), rows, strict=False):
            finite = np.concatenate([np.asarray(s, dtype=np.float64).ravel() for s in slices])
            finite = finite[np.isfinite(finite)]
            low, high = np.percentile(finite, [1, 99]) if len(finite) else (0.0, 1.0)
            row[0].set_title(_short(caption, 60), loc="left", color="white", fontsize=9)
            for axes, plane in zip(row, slices, strict=True):
                axes.imshow(np.asarray(plane).T, cmap="gray", origin="lower", vmin=low, vmax=max(high, low + 1e-9))
        for axes in rows.ravel():
            axes.axis("off")
    return figure


def _mark_kept(axes: Axes, kept: Mapping[str, int]) -> None:
    """Draw a line at each kept epoch and name who kept it; one epoch may be kept by several."""
    epochs: dict[int, list[str]] = {}
    for metric, epoch in kept.items():
        epochs.setdefault(epoch, []).append(metric)
    for number, (epoch, metrics) in enumerate(sorted(epochs.items())):
        colour = COLOURS[(number + 2) % len(COLOURS)]
        label = f"kept by {', '.join(metrics)} ({epoch + 1})"
        axes.axvline(epoch + 1, color=colour, lw=1.2, ls="--", label=label, zorder=1)


def _cell(corner: tuple[float, float], colour: str, alpha: float) -> FancyBboxPatch:
    return FancyBboxPatch(corner, 0.96, 0.96, boxstyle="square,pad=0", facecolor=colour, alpha=alpha, linewidth=0)


def _box(  # noqa: PLR0913, PLR0917  (where, how large, what)
    axes: Axes, corner: tuple[float, float], width: float, lines: Sequence[str], colour: str, align: str = "center"
) -> float:
    """Draw a box below its upper left corner; give where it ends."""
    x, top = corner
    height = _LINE * len(lines) + 0.2
    place = (x + 0.04, top - height + 0.04)
    shape = FancyBboxPatch(
        place, width - 0.08, height - 0.08, boxstyle="round,pad=0.04", facecolor=colour + "22", edgecolor=colour, lw=1
    )
    axes.add_patch(shape)
    at = x + width / 2 if align == "center" else x + 0.12
    for number, line in enumerate(lines):
        middle = top - 0.1 - _LINE * (number + 0.5)
        axes.text(at, middle, line, ha=align, va="center", fontsize=8.5)
    return top - height


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.annotate(
        "", xy=end, xytext=start, arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 0.8, "shrinkA": 0, "shrinkB": 0}
    )


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, 40, subsequent_indent="   ")[:3]


def _short(name: object, most: int = 14) -> str:
    text = str(name)
    return text if len(text) <= most else f"{text[: most - 3]}..."
