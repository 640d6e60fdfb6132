"""Tables of predictions: one row a part."""
