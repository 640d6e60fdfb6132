"""Leaks: what is looked for, what was found, and a certificate."""
