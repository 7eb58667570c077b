"""Photo features and an index in, calibrated evidence for each brand out."""
