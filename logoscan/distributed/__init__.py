"""Scans on many machines with Ray Data (extra `ray`).

`pip install 'logoscan[ray]'`. Ray Data runs the scan on this machine or on the cluster that `RAY_ADDRESS` names. Each
actor loads the models once; reading is a stage of its own.

    index, warnings = LogoIndex.from_folder("brands/", ClipEncoder())
    index.save("index/")
    run = scan_shards(["listings.jsonl"], "reports/", index="index/", pool=Pool(actors=2))  # gpus=1: one an actor
    print(run.reports, run.failures, run.broken, run.repeated)
    states = merge_states(run.files)  # by seller_id; merge_ledger(run.files, ledger) adds their photos to a ledger

- Each shard gives one file of reports (`listing_id, report, failure` and where the row stood). Its name is the hash
  of the shard's content, and it gets that name when it is complete. The same call skips files that are there, so it
  goes on after a crash.
- The hash covers the listings alone. Each file says what made it (version, encoder, index, detector, OCR engine,
  score model, `tag`), and files made by anything else are refused. Prices, the ledger and photos are not in it: name
  their state in `tag`.
- A worker that dies is replaced and its batch scanned again. A listing that keeps killing workers becomes a failure.
  Every row is in the files, as a report or as a failure. An id that is in two shards is scanned twice and merged
  once.
- Every machine must reach shards, photos and index under the same paths. `make_scanner=` takes a function in place of
  `index=`, for a scanner with prices, a ledger or a score model. `read_ahead=True` lets the CPU stage read the
  photos, for slow storage; decoding stays with the actors.
- `scan_shards(..., keep_features="features/")` keeps what was seen, and `rejudge_shards(shards, "features/", "again/",
  index="new/", reports="reports/")` judges it again by new brands, prices or models: no photo is opened, and no network
  is loaded. It goes on after a crash, too.
- `scan_dataset(dataset, index=...)` scans a Ray Dataset with file names or bytes as `images`, and returns one with
  `listing_id`, `report` and `failure`.
- Ray listens on the machine's address, not only on loopback. Usage statistics are off where logoscan starts Ray.
"""

from logoscan.distributed.merge import merge_ledger, merge_states
from logoscan.distributed.ray_cluster import Pool
from logoscan.distributed.ray_rejudge import rejudge_shards
from logoscan.distributed.ray_scan import ShardScan, scan_dataset, scan_shards
from logoscan.distributed.report_files import Failure, shard_reports

__all__ = [
    "Failure",
    "Pool",
    "ShardScan",
    "merge_ledger",
    "merge_states",
    "rejudge_shards",
    "scan_dataset",
    "scan_shards",
    "shard_reports",
]
