"""Reports for people and programs: JSON lines, pages, overlays and charts.

`logoscan report` writes `index.html`, a work list in which people decide case by case by keys, also of 10,000 listings;
one self-contained page for each listing, to send or print; and a page for each seller. They open from disk, without a
server. Decisions stay in the browser and are downloaded as a file for `logoscan verdict import`. `--root` is that of
the scan; with `--index` the registered logo images stand beside the regions that look like them.
"""

from logoscan.reporting.jsonl import read_reports, report_from_json, report_to_json, write_reports
from logoscan.reporting.notebook import to_pandas
from logoscan.reporting.overlay import draw_overlay

__all__ = ["draw_overlay", "read_reports", "report_from_json", "report_to_json", "to_pandas", "write_reports"]
