"""How well brands are found, and who is named or accused by mistake."""
