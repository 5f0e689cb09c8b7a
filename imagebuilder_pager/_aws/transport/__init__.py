"""The ways to send a request and receive its response."""
