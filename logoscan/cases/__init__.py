"""What follows from many reports: pure functions over reports, the journal and Parquet, which only `cli` imports."""
