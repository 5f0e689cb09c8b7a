"""The rest-json protocol: make a call, parse the response."""
