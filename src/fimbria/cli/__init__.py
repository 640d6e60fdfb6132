"""The door: words typed in a terminal."""
