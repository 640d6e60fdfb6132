"""One person on two sides: under one name, under two, as kin, as copies."""
