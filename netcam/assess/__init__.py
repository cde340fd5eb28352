"""Pure: identities to policy and firmware verdicts."""
