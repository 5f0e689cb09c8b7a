"""What several tests use, once: clocks, servers, accounts."""
