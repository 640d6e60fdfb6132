"""Something known that should not be: from the future, from a column, from the scanner, from the test set."""
