"""The output formats that are made for reading and need rich: table, summary and tree."""
