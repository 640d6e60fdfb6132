"""Who gets which label: definitions as data, the history of a participant, and what becomes of them."""
