"""Virtual estate: namespaces, cameras, traffic, scenarios."""
