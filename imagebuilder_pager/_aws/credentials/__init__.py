"""Where credentials come from, in the order in which boto3 looks for them."""
