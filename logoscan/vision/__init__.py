"""Networks and local features: photos in, photo features out."""
