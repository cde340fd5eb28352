"""Content (fingerprints/) read as text, then typed. Pure but for reading files."""
