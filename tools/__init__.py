"""The programs of the project's commands."""
