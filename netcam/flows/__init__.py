"""Packets and log lines to flow columns."""
