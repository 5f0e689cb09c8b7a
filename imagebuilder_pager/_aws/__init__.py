"""The calls to signed AWS services in general; nothing of Image Builder, nothing of pages."""
