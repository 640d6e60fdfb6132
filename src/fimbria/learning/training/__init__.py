"""The state of a training, and the loop that moves it."""
