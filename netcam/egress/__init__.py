"""Pure: flow windows to findings, one file per detector."""
