"""What goods cost: price references and how unusual a price is."""
