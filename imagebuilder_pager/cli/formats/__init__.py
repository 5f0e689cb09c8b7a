"""The output formats that need nothing but Python: json, jsonl, text and yaml-stream."""
