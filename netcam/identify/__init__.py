"""Pure: observations to identities."""
