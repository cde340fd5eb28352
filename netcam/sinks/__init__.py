"""Formats and transports for what leaves netcam."""
