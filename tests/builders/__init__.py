"""What several test files build: by room, so that no test file imports another."""
