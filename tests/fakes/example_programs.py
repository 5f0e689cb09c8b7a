"""The documents' programs with a client of boto3 or aiobotocore, and moto's S3."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.moto_services import SETTINGS

PAGE = Path(__file__).parents[2] / "docs" / "paginator-for-boto3.md"
ALL_KEYS = [f"{folder}/{number}" for folder in "abc" for number in range(9)]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def programs_over_clients(document: Path) -> list[str]:
    blocks = BLOCK.findall(document.read_text())
    return [block for block in blocks if "paginator_from_client" in block]


def needs_aiobotocore(program: str) -> bool:
    return "import aiobotocore" in program or "from aiobotocore" in program


def run(program: str, **names: Any) -> None:
    exec(compile(program, "<example>", "exec"), {"__name__": "__main__", **names})


def look_for_s3_at(url: str, patch: pytest.MonkeyPatch) -> None:
    """Set the environment so that a program finds S3 at the URL."""
    patch.setenv("AWS_ENDPOINT_URL_S3", url)
    patch.setenv("AWS_DEFAULT_REGION", SETTINGS["region_name"])
    patch.setenv("AWS_ACCESS_KEY_ID", SETTINGS["aws_access_key_id"])
    patch.setenv("AWS_SECRET_ACCESS_KEY", SETTINGS["aws_secret_access_key"])
