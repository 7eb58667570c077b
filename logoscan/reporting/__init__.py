"""Reports for people and programs: JSON lines, pages, overlays and charts."""

from logoscan.reporting.jsonl import read_reports, report_from_json, report_to_json, write_reports
from logoscan.reporting.notebook import to_pandas
from logoscan.reporting.overlay import draw_overlay

__all__ = ["draw_overlay", "read_reports", "report_from_json", "report_to_json", "to_pandas", "write_reports"]
