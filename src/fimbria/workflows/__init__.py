"""Verbs: one file each, the only place where the wings meet."""
