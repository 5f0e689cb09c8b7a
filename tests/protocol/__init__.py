"""The paginator protocol, against botocore's."""
