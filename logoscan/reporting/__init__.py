"""Reports for people and programs: JSON lines, pages, overlays and charts."""
