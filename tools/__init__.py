"""What the project's commands run."""
