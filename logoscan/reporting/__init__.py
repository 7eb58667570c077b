"""Reports for people and programs: JSON lines, pages, overlays and charts.

`logoscan report` writes one self-contained page for each listing and `index.html`, a table of the run to sort and
filter, also for 10,000 listings. The pages open from disk and print well. `--root` is that of the scan; with
`--index` they show the registered logo images beside the regions that look like them.
"""

from logoscan.reporting.jsonl import read_reports, report_from_json, report_to_json, write_reports
from logoscan.reporting.notebook import to_pandas
from logoscan.reporting.overlay import draw_overlay

__all__ = ["draw_overlay", "read_reports", "report_from_json", "report_to_json", "to_pandas", "write_reports"]
