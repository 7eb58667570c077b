"""What follows from many reports: pure functions over reports, the journal and Parquet. Imported by nobody but `cli`."""
