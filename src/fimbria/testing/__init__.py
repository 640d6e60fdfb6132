"""Checks that a component of your own can be put through; ours go through the same."""

from fimbria.testing.checks import check_extraction, check_network

__all__ = ["check_extraction", "check_network"]
