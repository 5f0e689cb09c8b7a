"""The output formats that are written as they come, without rich."""
