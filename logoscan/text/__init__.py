"""Brand names and other facts in text."""
