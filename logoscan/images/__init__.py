"""Pictures: loading with caps, boxes, crops, SVG and perceptual hashes of photos."""
