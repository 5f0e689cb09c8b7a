"""The measured programs: one for each peer, run in a process of its own."""
