"""The description of a run: plain data, one place for every default."""
