"""The whole client over a simulated network and clock, exhaustively.

The subjects (``subjects.py``) are both transports, httpx and h11, sync, under asyncio and under
trio, and the caller's own clients of httpx and httpx2, given to ``ImageBuilder`` by
``http_client=``. The service (``server.py``) lists two pages of one item (``responses.py``), in
each framing that HTTP has, or one of the ways in which a service fails. The cases are:

- ``test_bytes.py``: at every byte of the responses, head, chunk framing and trailer included, the
  connection ends, is reset, stalls, drips a byte a second, has another whole response put in, or
  one byte is changed; once, or at each attempt. Connecting and sending fail and hang. Interim
  responses never end. Another response comes while the connection is idle.
- ``test_records.py``: the same at every record of TLS, 1.2 and 1.3, handshakes included; or an
  alert.
- ``test_cancellation.py``: at every turn of the event loop the task is cancelled, once or twice,
  or the client is closed: in a call, an iteration, a prefetch, its close, a wait between
  attempts, a response that breaks off, beside others that wait for a connection, over TLS.
- ``test_interrupts.py``: at every line of the package that a sync client runs, Ctrl-C is pressed.

After each, ``check_afterwards`` (``cases.py``): every call has ended by its ``total_timeout`` on
the simulated clock; the listing is right (a changed body: as ``json.loads`` reads it), or
ended in an error whose ``resume_token`` completes it with each item once; the same client lists
all again, right and at once; no connection is kept that is not clean, as the service sees it,
none is open after close, never are there more than allowed; no warning, no thread, no task is
left.

``make test`` runs a fixed sample, with each fault and each kind of turn for each transport;
``make simulate`` runs all cases. ``SIMULATION_SEED`` moves the sample and the bytes that are put
in. Each test holds the number of its cases from below; the sum is printed at the end.

To add a fault: a member of ``FaultKind`` and its bytes in ``Peer``; the tests go
through all kinds. If it is tried again wherever it happens, add it to ``RETRIED``. To add an
invariant: a few lines in ``check_afterwards``; every case is held to it.
"""
