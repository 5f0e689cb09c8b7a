"""The command line: the AWS CLI's options and output for these operations, and some of its own.

Nothing imports this part of the package, and importing it loads little: what an invocation needs
is imported once its arguments are known to be good.
"""
