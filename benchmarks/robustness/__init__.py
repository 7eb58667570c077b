"""What hostile input, crashes, long runs and sellers who hide their marks do to logoscan."""
