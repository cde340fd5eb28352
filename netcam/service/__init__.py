"""netcam as a service: sweeps on a schedule, events delivered, kept across restarts."""
