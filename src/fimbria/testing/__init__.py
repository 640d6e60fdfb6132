"""Checks that a component of your own can be put through, and samples to try it on."""
