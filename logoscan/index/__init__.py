"""The index of registered logos and brands."""
