"""Try this library against AWS itself, and write a report to post.

    python examples/try_on_aws.py lce-12345678-1234-1234-1234-123456789012 --region us-west-2
    python examples/try_on_aws.py lce-12345678-1234-1234-1234-123456789012 --profile my-sso-profile

It only reads. First it shows the operations and the maximum number of calls, and asks. It lists the
resources of the execution in pages of 10 and of 100, images by a filter with *, and the execution's
policy as a fleet of one account, into a temporary database. If boto3 is installed, boto3 makes the
same listings, and all members are compared.

The report has counts, versions, types and known codes of errors, HTTP statuses and times. It has no
name, id, ARN or text of the account; the texts of errors are only on the terminal. The exit code is
0 if every check has passed and the report is written. Credentials and region are found as by boto3;
docs/operating.md has the policy.
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from imagebuilder_pager import ImageBuilder, __version__, exceptions
from imagebuilder_pager.fleet import Account, FleetDatabase, FleetProgress, Target, run_fleet
from imagebuilder_pager.models import exceptions as modelled

PACKAGES = ("boto3", "botocore", "httpcore", "httpx", "pydantic")
PUBLIC_URL = r"https://imagebuilder(-fips)?\.[a-z0-9-]+\.(amazonaws\.com(\.cn)?|api\.aws)"
#: The error codes of AWS's services in general; its own are ``client.exceptions``.
COMMON_CODES = {
    "AccessDenied",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InternalFailure",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "OptInRequired",
    "RequestExpired",
    "RequestLimitExceeded",
    "RequestTimeTooSkewed",
    "ServiceUnavailable",
    "SignatureDoesNotMatch",
    "Throttling",
    "ThrottlingException",
    "UnknownOperationException",
    "UnrecognizedClientException",
    "ValidationException",
}
#: A fleet stops after the batch with which it reaches the first number. A batch has at most 100
#: pages, and a failure for each of at most 100 listings.
FLEET_CALLS, MAX_FLEET_CALLS = 100, 300

Facts = dict[str, Any]


class Listing(NamedTuple):
    """A listing to make with both libraries, to its end or to ``max_pages``."""

    name: str
    operation: str
    method: str
    result_key: str
    params: dict[str, Any]
    page_size: int
    max_pages: int


class Outcome(NamedTuple):
    """The items of a listing, and the facts about it for the report."""

    items: list[dict[str, Any]]
    facts: Facts


class TooManyCallsError(Exception):
    """A fleet needs more calls than were announced."""


def main(argv: Sequence[str] | None = None) -> int:
    """Make all checks, write the report, and return the exit code."""
    options = parse(argv)
    listings = plan(options.execution_id)
    try:
        client = ImageBuilder(options.region, profile_name=options.profile, max_attempts=1)
        session = make_boto3_session(client.region_name, options.profile)
    except Exception as error:  # noqa: BLE001 - of either library
        show(f"{type(error).__name__}: {error}")
        return 1
    with client:
        show(f"Calls of {client.endpoint_url}, which only read:")
        for each in listings:
            show(f"  {each.operation}, {each.name}: at most {each.max_pages}")
        if session is not None:
            show(f"  the same by boto3: at most {sum(each.max_pages for each in listings)}")
        show("  GetLifecycleExecution: 1")
        show("  for a fleet, ListLifecyclePolicies, ListLifecycleExecutions and")
        show(f"    ListLifecycleExecutionResources: at most {MAX_FLEET_CALLS}")
        show("A call is repeated only with a corrected clock or new credentials, which may need")
        show("calls of STS or SSO.")
        if not options.yes and not confirmed():
            show("Nothing was sent.")
            return 1
        own = [list_items(lambda: client, each) for each in listings]
        checks = [compare(*each, session) for each in zip(listings, own, strict=True)]
        checks.append(check_fleet(client, options, own[0].items))
    report = {
        "imagebuilder-pager": __version__,
        "versions": {name: version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "system": sys.platform,
        "endpoint": "AWS's" if re.fullmatch(PUBLIC_URL, client.endpoint_url) else "another",
        "credentials": kind_of_credentials(session),
        "checks": checks,
    }
    text = json.dumps(report, indent=1)
    show(text)
    try:
        options.report.write_text(f"{text}\n")
    except OSError as error:
        show(f"The report above cannot be written to a file: {error}. Please post it.")
        return 1
    show(f"This is {options.report}. Please post it.")
    return 0 if all(each["passed"] for each in checks) else 1


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("execution_id", metavar="LIFECYCLE_EXECUTION_ID")
    parser.add_argument("--region")
    parser.add_argument("--profile", help="a profile in AWS's shared files, also of SSO")
    parser.add_argument("--report", type=Path, default=Path("try_on_aws.json"))
    parser.add_argument("--yes", action="store_true", help="do not ask")
    return parser.parse_args(argv)


def plan(execution_id: str) -> list[Listing]:
    """Return the listings to make with both libraries."""
    resources = (
        "ListLifecycleExecutionResources",
        "list_lifecycle_execution_resources",
        "resources",
    )
    images = ("ListImages", "list_images", "imageVersionList")
    params = {"lifecycleExecutionId": execution_id}
    wildcard = {"owner": "Self", "filters": [{"name": "name", "values": ["*"]}]}
    return [
        Listing("pages of 10", *resources, params, page_size=10, max_pages=20),
        Listing("pages of 100", *resources, params, page_size=100, max_pages=2),
        Listing("a filter with *", *images, wildcard, page_size=100, max_pages=1),
    ]


def make_boto3_session(region: str, profile: str | None) -> Any:
    """Return a session of boto3, or None if boto3 is not installed."""
    try:
        import boto3
    except ImportError:
        show("boto3 is not installed: there will be no comparison.")
        return None
    return boto3.Session(region_name=region, profile_name=profile)


def make_boto3_client(session: Any) -> Any:
    """Return a client of boto3 that sends each call once."""
    from botocore.config import Config

    return session.client("imagebuilder", config=Config(retries={"total_max_attempts": 1}))


def kind_of_credentials(session: Any) -> str | None:
    """Return botocore's name for the source of the credentials, None if boto3 does not say it."""
    try:
        kind: str = session.get_credentials().method
    except Exception:  # noqa: BLE001 - also without boto3 or credentials
        return None
    return kind


def confirmed() -> bool:
    """Ask, and return whether the reply is yes; the end of the input means no."""
    show("Send them? [y/N] ")
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def list_items(make_client: Callable[[], Any], listing: Listing) -> Outcome:
    """Make a listing with either client: the calls are the same."""
    outcome = Outcome([], {"pages": 0})
    begun = time.monotonic()
    try:
        paginator = make_client().get_paginator(listing.method)
        config = {"PageSize": listing.page_size}
        pages = paginator.paginate(**listing.params, PaginationConfig=config)
        for page in itertools.islice(pages, listing.max_pages):
            plain = page if isinstance(page, dict) else page.to_dict()
            outcome.items.extend(plain.get(listing.result_key, []))
            outcome.facts["pages"] += 1
            outcome.facts["http_status"] = plain["ResponseMetadata"]["HTTPStatusCode"]
    except Exception as error:  # noqa: BLE001 - any failure is a result
        outcome.facts.update(describe(error))
    outcome.facts.update(items=len(outcome.items), seconds=seconds_since(begun))
    return outcome


def compare(listing: Listing, own: Outcome, session: Any) -> Facts:
    """List with boto3, if there is a session, and compare the items or the error."""
    facts: Facts = {"check": f"{listing.operation}, {listing.name}", "here": own.facts}
    passed = "error" not in own.facts
    if session is None:
        return {**facts, "passed": passed}
    reference = list_items(lambda: make_boto3_client(session), listing)
    differing = {  # both have the members of the service model alone
        name
        for one, other in zip(own.items, reference.items, strict=False)
        for name in one.keys() | other.keys()
        if one.get(name) != other.get(name)
    }
    agree = not differing and {**own.facts, "seconds": 0} == {**reference.facts, "seconds": 0}
    facts |= {"boto3": reference.facts, "differing_members": sorted(differing), "agree": agree}
    return {**facts, "passed": passed and agree}


def check_fleet(
    client: ImageBuilder, options: argparse.Namespace, items: list[dict[str, Any]]
) -> Facts:
    """List the execution as a fleet: the database has to have the items."""
    facts: Facts = {"check": "a fleet of one account", "passed": False}
    begun = time.monotonic()
    try:
        response = client.get_lifecycle_execution(lifecycleExecutionId=options.execution_id)
        execution = response.lifecycle_execution
        if execution is None or execution.lifecycle_policy_arn is None:
            return {**facts, "error": "the execution has no policy"}
        since = execution.end_time or execution.start_time
        with (
            tempfile.TemporaryDirectory() as folder,
            FleetDatabase(Path(folder, "fleet.sqlite")) as database,
        ):
            (result,) = run_fleet(
                [Target(Account(profile=options.profile), client.region_name)],
                database,
                policies=[execution.lifecycle_policy_arn],
                since=since,
                until=since and since + timedelta(seconds=1),
                children=False,
                max_concurrency=1,
                max_attempts=1,
                max_target_attempts=1,
                on_progress=stop_after_too_many_calls,
            ).targets
            query = "SELECT resource_id FROM resources WHERE execution_id = ?"
            stored = {row[0] for row in database.query(query, (options.execution_id,))}
        missing = {each.get("resourceId") for each in items} - stored
        facts["passed"] = result.is_complete and not missing
        facts |= {"pages": result.pages, "records": result.records, "missing": len(missing)}
        facts |= {"failed_listings": result.failed_listings}
        if result.error_type is not None:
            show(f"{result.error_type}: {result.error}")
            facts["error"] = known_error(result.error_type)
    except Exception as error:  # noqa: BLE001 - any failure is a result
        facts |= describe(error)
    return {**facts, "seconds": seconds_since(begun)}


def stop_after_too_many_calls(progress: FleetProgress) -> None:
    """Stop a fleet after a batch."""
    if progress.calls >= FLEET_CALLS:
        raise TooManyCallsError(f"the fleet has made {progress.calls} calls")


def describe(error: Exception) -> Facts:
    """Show the text of an error, and return the facts for the report."""
    show(f"{type(error).__name__}: {error}")
    response = getattr(error, "response", None) or {}
    return {
        "error": type(error).__name__,
        "code": known_error(response.get("Error", {}).get("Code")),
        "http_status": response.get("ResponseMetadata", {}).get("HTTPStatusCode"),
    }


def known_error(name: object) -> str:
    """Return the code or the type of an error if it is known: another may have private words."""
    if name is None:
        return ""
    text = str(name)
    is_known = text in COMMON_CODES or hasattr(modelled, text) or hasattr(exceptions, text)
    return text if is_known else "another code"


def version(distribution: str) -> str | None:
    """Return the version of a distribution, None if it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def seconds_since(begun: float) -> float:
    """Return the seconds since a time, to the millisecond."""
    return round(time.monotonic() - begun, 3)


def show(text: str) -> None:
    """Print a text at once, without control characters, and in the terminal's encoding."""
    text = "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)
    encoding = sys.stdout.encoding or "ascii"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)


if __name__ == "__main__":
    sys.exit(main())
