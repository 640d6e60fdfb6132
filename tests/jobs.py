"""Jobs that a fresh process can import, which it cannot from a test file."""

from __future__ import annotations

import os

from fimbria.errors import ImageError, MissingExtraError


def work(item):
    if item == "bad":
        msg = "this image is bad"
        raise ImageError(msg)
    if item == "extra":
        purpose, extra = "this", "preprocess"
        raise MissingExtraError(purpose, extra)
    if item == "dies":
        os._exit(1)
    if item == "bug":
        msg = "a bug, not bad input"
        raise ZeroDivisionError(msg)
    return item, os.getpid(), os.environ.get("OMP_NUM_THREADS")
