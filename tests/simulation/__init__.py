"""The whole client over a simulated network and clock, exhaustively.

The subjects (``subjects.py``) are both transports, httpx and h11, each sync, under asyncio and
under trio. The service (``server.py``) lists two pages of one item (``responses.py``), in each
framing of HTTP, or fails. The cases are:

- ``test_bytes.py``: at every byte of the responses, including head, chunk framing and trailer, the
  connection ends, is reset, stalls, or sends a byte a second, another whole response is inserted,
  or one byte is changed; once, at each attempt, or beside an error. Connecting and sending fail or
  hang. Interim responses never end.
  The same happens at every record of TLS 1.2 and 1.3, including handshakes; or an alert. Another
  response comes in its own record, also while the connection is idle.
- ``test_cancellation.py``: at every turn of the event loop the task is cancelled, once or twice,
  or the client is closed: in a call, an iteration, a prefetch, its close, a wait between
  attempts, an interrupted response, beside tasks that wait for a connection, over TLS.
- ``test_interrupts.py``: Ctrl-C is pressed at every line of the package that a sync client runs.

After each case, ``check_afterwards`` (``cases.py``) checks: every call has ended by its
``total_timeout`` on the simulated clock. The listing is right (a changed body: as ``json.loads``
reads it), or its error has a ``resume_token`` that completes it with each item once. The same
client can list everything again, at once. Only connections that are clean for the service are kept,
none is open after close, and never more than allowed. No warning, thread or task is left.

``make test`` runs a fixed sample, with each fault and each kind of turn for each transport;
``make simulate`` runs all cases. ``SIMULATION_SEED`` changes the sample and the inserted bytes.
Each test requires a minimum number of cases.

To add a fault: add a member to ``FaultKind`` and its bytes to ``Peer``; the tests go through all
kinds. If it is always retried, add it to ``RETRIED``. To add an invariant: add a few lines to
``check_afterwards``; they apply to every case.
"""
