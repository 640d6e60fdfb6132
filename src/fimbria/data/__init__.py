"""What is given. Nothing here needs torch."""
