"""A snapshot to pages and tables."""
