"""The only room that touches the cameras' network."""
