"""Readers of other programs' files, one file per format; the format is recognised from the content."""
