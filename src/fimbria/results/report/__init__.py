"""One self-contained HTML file that tells what was run and what came of it."""
