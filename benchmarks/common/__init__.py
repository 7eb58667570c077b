"""What the benchmarks share: options, result files, statistics, indexes, scanners and the feature cache."""
