"""The command ``lifecycle-report``, on top of :mod:`imagebuilder_pager.fleet`."""
