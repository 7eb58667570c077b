"""Records, listings and files: everything that is read from a disk and written to it."""
