"""The whole client over a simulated network and clock."""
