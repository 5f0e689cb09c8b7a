"""Signing with SigV4, and recovery from what the service objects to in a signature."""
