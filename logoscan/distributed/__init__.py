"""Scans on many machines with Ray Data (extra `ray`)."""

from logoscan.distributed.merge import merge_ledger, merge_states
from logoscan.distributed.ray_cluster import Pool
from logoscan.distributed.ray_scan import ShardScan, scan_dataset, scan_shards
from logoscan.distributed.report_files import Failure, shard_reports

__all__ = [
    "Failure",
    "Pool",
    "ShardScan",
    "merge_ledger",
    "merge_states",
    "scan_dataset",
    "scan_shards",
    "shard_reports",
]
