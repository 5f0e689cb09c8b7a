"""EC2 Image Builder on this machine, for demos and for tests.

``LocalImageBuilder`` handles requests as the service does, in process:

    service = LocalImageBuilder(generate_account())
    http_client = httpx.Client(transport=httpx.MockTransport(service))

``LocalServer`` serves it on a loopback address, for any AWS client:

    with LocalServer(service) as server:
        client = boto3.client(
            "imagebuilder",
            endpoint_url=server.url,
            region_name="us-west-2",
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
        )

It serves policies, executions and their resources, images, builds and pipelines of the account
(``generate_account(history=True)`` has two years of them), and any other operation from pages:
``Account(pages={"ListWorkflows": [page, page]})``.

``python -m imagebuilder_pager.local`` starts the same server from the command line. With
``faults=FaultPlan(...)`` the service fails as a test needs it to; docs/testing-faults.md shows how.
"""

from .account import Account, Execution, load_account
from .account_generator import EXAMPLE_EXECUTION_ID, generate_account
from .faults import FAULTS, Fault, FaultPlan, RequestInfo
from .server import LocalServer
from .service import ACCESS_KEY_ID, SECRET_ACCESS_KEY, Call, LocalImageBuilder

__all__ = [
    "ACCESS_KEY_ID",
    "EXAMPLE_EXECUTION_ID",
    "FAULTS",
    "SECRET_ACCESS_KEY",
    "Account",
    "Call",
    "Execution",
    "Fault",
    "FaultPlan",
    "LocalImageBuilder",
    "LocalServer",
    "RequestInfo",
    "generate_account",
    "load_account",
]
