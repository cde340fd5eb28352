"""netcam: find every camera on the networks you are authorised to sweep, and say who made it and where it calls."""

__version__ = "0.1.0"
