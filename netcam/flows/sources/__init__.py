"""Logs that tell flows, one file per format: each declares a `SOURCE`."""
