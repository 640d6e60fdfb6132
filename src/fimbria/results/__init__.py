"""What is kept. Nothing here needs torch."""
