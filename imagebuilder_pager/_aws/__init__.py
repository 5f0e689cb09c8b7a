"""What any call to a signed AWS service needs; nothing of Image Builder, nothing of pages."""
