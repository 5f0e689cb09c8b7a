"""What is measured: for each peer one small program, run in a process of its own."""
