"""The command line: the AWS CLI's options and output for these operations, and a few more.

Nothing else in the package imports it. The entry point is :func:`imagebuilder_pager.cli.main.main`,
which imports the heavy modules only after it has read the arguments.
"""
