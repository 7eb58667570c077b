"""Pictures: loading with caps, boxes, crops, SVG and hashes of photos."""
