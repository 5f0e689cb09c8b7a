"""How small and how fast, beside boto3 and aiobotocore; see README.md in this folder."""
