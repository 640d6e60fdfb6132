"""Metrics over a cohort, and how sure they are."""
