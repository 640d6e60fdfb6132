"""The store: each image is decoded once, then any part of it is read at the cost of that part."""

from fimbria.data.extraction.store.entry import Entry, read_entry
from fimbria.data.extraction.store.statistics import Statistics
from fimbria.data.extraction.store.store import Store, default_root
from fimbria.data.extraction.store.transform import Transform

__all__ = ["Entry", "Statistics", "Store", "Transform", "default_root", "read_entry"]
