"""How an image is cut into parts, and the store that decodes it once."""

from fimbria.data.extraction import patches, regions, slices, whole  # the ways of cutting register themselves
from fimbria.data.extraction.extraction import Choosy, Extraction, Location, digest, extraction, put_back, take

__all__ = [
    "Choosy",
    "Extraction",
    "Location",
    "digest",
    "extraction",
    "patches",
    "put_back",
    "regions",
    "slices",
    "take",
    "whole",
]
