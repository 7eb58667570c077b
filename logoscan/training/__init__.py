"""The recipe that made the bundled weights: draw, compose, train, evaluate. Nothing in the library imports it."""
