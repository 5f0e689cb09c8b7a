"""Signing with SigV4, and recovery from errors about a signature."""
