"""The documents' programs, and the settings of those with a client of boto3 or aiobotocore."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.moto_services import SETTINGS

ROOT = Path(__file__).parents[2]
#: The README and the pages, but for the reference.
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGE = ROOT / "docs" / "paginator-for-boto3.md"
ALL_KEYS = [f"{folder}/{number}" for folder in "abc" for number in range(9)]


def blocks_of(document: Path, language: str = "python") -> list[str]:
    """Return the blocks of a language in a document."""
    pattern = rf"^```{language}\n(.*?)^```$"
    return re.findall(pattern, document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def programs_over_clients(document: Path) -> list[str]:
    return [block for block in blocks_of(document) if "paginator_from_client" in block]


def needs_aiobotocore(program: str) -> bool:
    return "import aiobotocore" in program or "from aiobotocore" in program


def run(program: str, **names: Any) -> dict[str, Any]:
    """Run a program, and return its names."""
    names["__name__"] = "__main__"
    exec(compile(program, "<example>", "exec"), names)
    return names


def look_for_s3_at(url: str, patch: pytest.MonkeyPatch) -> None:
    """Set the environment so that a program finds S3 at the URL."""
    patch.setenv("AWS_ENDPOINT_URL_S3", url)
    patch.setenv("AWS_DEFAULT_REGION", SETTINGS["region_name"])
    patch.setenv("AWS_ACCESS_KEY_ID", SETTINGS["aws_access_key_id"])
    patch.setenv("AWS_SECRET_ACCESS_KEY", SETTINGS["aws_secret_access_key"])
