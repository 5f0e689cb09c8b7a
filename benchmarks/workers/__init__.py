"""The measured programs: one for each peer, run in its own process."""
