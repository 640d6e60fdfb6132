"""Figures as text that stands inside a page: the same figure gives the same bytes, and nothing is fetched from outside."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import warnings
from html import escape
from typing import TYPE_CHECKING, Any

import matplotlib as mpl

from fimbria.results.report.figures import INK

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)
_NAMESPACE = re.compile(r'\sxmlns(:\w+)?="[^"]*"')
_GROUP = re.compile(r'<g id="[^"]*"')
_IDENTIFIER = re.compile(r'(\bid="|href="#|url\(#)')
_HEAD = re.compile(r"<svg [^>]*>")
_VIEW = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')


def svg(figure: Figure, title: str) -> str:
    """Give a figure as an ``<svg>`` element for a page.

    Its ink becomes the page's text colour; its identifiers are its own, so that several stand in one page.

    Parameters
    ----------
    figure
        From `figures`.
    title
        What a screen reader says; escaped here.
    """
    written = io.StringIO()
    settings: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "fimbria"}
    with mpl.rc_context(settings), warnings.catch_warnings():
        # the page's fonts draw the text; that matplotlib's own lacks a letter does not matter
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        figure.savefig(written, format="svg", metadata={"Date": None})
    text = written.getvalue()
    text = _METADATA.sub("", text[text.index("<svg") :])
    text = _GROUP.sub("<g", text).replace("xlink:href", "href").replace(INK, "currentColor")
    own = "f" + hashlib.sha256(f"{title}{text}".encode()).hexdigest()[:8]
    text = _IDENTIFIER.sub(rf"\g<1>{own}", text)
    view = _VIEW.search(text)
    width, height = (view[1], view[2]) if view else ("0", "0")
    name = escape(title)
    head = f'<svg role="img" aria-label="{name}" width="{width}pt" viewBox="0 0 {width} {height}"><title>{name}</title>'
    return _HEAD.sub(lambda _: head, _NAMESPACE.sub("", text), count=1)


def png_data_uri(figure: Figure, dpi: int = 110) -> str:
    """Give a figure as a PNG inside a ``data:`` address."""
    written = io.BytesIO()
    with warnings.catch_warnings():
        # a caption in letters that the font lacks shows boxes; the page says it again in its own font
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        figure.savefig(written, format="png", dpi=dpi, facecolor=figure.get_facecolor(), metadata={"Software": None})
    return f"data:image/png;base64,{base64.b64encode(written.getvalue()).decode()}"
