"""EC2 Image Builder on this machine, for demonstrations and for tests.

`LocalImageBuilder` answers requests as the service does, in process:

    service = LocalImageBuilder(generate_account())
    http_client = httpx.Client(transport=httpx.MockTransport(service))

and `LocalServer` puts it on a loopback socket, for any AWS client to be pointed at:

    with LocalServer(service) as server:
        client = boto3.client(
            "imagebuilder",
            endpoint_url=server.url,
            region_name="us-west-2",
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
        )

`python -m imagebuilder_pager.local --help` is the same from the command line.
"""

from .data import Account, Execution, load_account
from .generate import EXAMPLE_EXECUTION_ID, generate_account
from .server import LocalServer
from .service import (
    ACCESS_KEY_ID,
    SECRET_ACCESS_KEY,
    LocalImageBuilder,
)

__all__ = [
    "ACCESS_KEY_ID",
    "EXAMPLE_EXECUTION_ID",
    "SECRET_ACCESS_KEY",
    "Account",
    "Execution",
    "LocalImageBuilder",
    "LocalServer",
    "generate_account",
    "load_account",
]
