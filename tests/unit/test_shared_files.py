"""AWS's shared files are read as botocore reads them; an error has file and line, not the text."""

import os
import tempfile
from pathlib import Path
from typing import Any

import botocore.configloader
import botocore.exceptions
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imagebuilder_pager import exceptions
from imagebuilder_pager._aws.config.shared_config import SharedConfig
from imagebuilder_pager._aws.config.shared_files import read_config, read_sections

KINDS = ("profiles", "sso_sessions", "services")
SECRET = "wJalrXUtnFEMI"


def ours(path: Path) -> Any:
    """Return what we read in a file, as each of the two; the error if it is invalid."""
    try:
        return read_sections(str(path)), read_config(str(path))
    except exceptions.InvalidConfigError as error:
        return error


def botocores(path: Path) -> Any:
    """Return what botocore reads in a file; None if it is invalid."""
    try:
        sections = botocore.configloader.raw_config_parse(str(path))
        config = botocore.configloader.load_config(str(path))
    except botocore.exceptions.ConfigParseError:
        return None
    return sections, {kind: config[kind] for kind in KINDS}


# Files that botocore can read.
VALID: dict[str, str] = {
    "both delimiters": "[default]\na=1\nb : 2\nc:=3\n",
    "CRLF": "[default]\r\na = 1\r\nb = 2\r\n",
    "CR": "[default]\ra = 1\rb = 2",
    "a key in capitals": "[default]\nRegion = X\n",
    "empty values": "[default]\na =\nb=\n\n",
    "comments": "# 1\n[default]\n; 2\na = 1\n  # 3\n",
    "no inline comments": "[default] # x\na = 1 # x\nb = 2 ;x\n",
    "a percent sign": "[default]\na = %(b)s 100%\n",
    "quotes stay": '[default]\na = "1"\n',
    "a continued value": "[default]\na = 1\n  2\n\n  3\nb = 4\n",
    "indented keys": "[default]\n  a = 1\n  b = 2\n c = 3\n",
    "nested settings": "[default]\ns3 =\n  A = 1\n\n  # no\n  b= 2 = 3\na = 1\n",
    "two names of the default": "[default]\na = 1\n[profile default]\nb = 2\n",
    "two names, turned round": "[profile default]\nb = 2\n[default]\na = 1\n",
    "names with quotes": "[profile \"a b\"]\na = 1\n[profile 'c']\n[profile d]\n",
    "other words": "[profile a b]\n[profile]\n[profile 'a]\n[a]\nb = 1\n[preview]\n",
    "DEFAULT": "[DEFAULT]\na = 1\nb = 2\n[profile x]\na = 3\n[DEFAULT]\nc = 4\n",
    "sessions": "[sso-session one]\nsso_region = x\n[services 'two three']\nsts =\n  a = y\n",
    "brackets in brackets": "[profile a]]\n[profile [b]\n",
    "spaces in brackets": "[ default ]\n[ profile a ]\n[profile  b ]\n",
    "letters of other languages": "[profile ü]\nÄ = \u2028ö\u00a0\n",
    "an empty file": "",
    "a large file": "#" * 10_000_000 + "\n[default]\n",
}
# Each is a file that botocore cannot read, and the line and the reason of our error.
INVALID: dict[str, tuple[str | bytes, int, str]] = {
    "no section": (f"a = {SECRET}\n", 1, "it is before the first [section]"),
    "no delimiter": (f"[default]\n\n{SECRET}\n", 3, "neither [section], key = value nor # comment"),
    "no key": (f"[default]\n= {SECRET}\n", 2, "neither [section], key = value nor # comment"),
    "no end": (f"[default]\n[{SECRET}\n", 2, "neither [section], key = value nor # comment"),
    "no name": ("[]\n", 1, "it is before the first [section]"),
    "two sections": ("[a]\nb = 1\n[a]\nc = 2\n", 3, "an earlier section has the same name"),
    "two keys": (
        f"[a]\nb = 1\nB = {SECRET}\n",
        3,
        "an earlier line of its section has the same key",
    ),
    "two keys of DEFAULT": ("[DEFAULT]\nb = 1\n[DEFAULT]\nb = 1\n", 4, "an earlier line of its"),
    "nested": (f"[a]\ns3 =\n  a = 1\n  {SECRET}\n", 4, "a nested setting is key = value"),
    "a byte order mark": ("\ufeff[default]\na = 1\n", 1, "it begins with a byte order mark"),
    "Latin-1": (f"[a]\nb = {SECRET}\nc = \xfc\n".encode("latin-1"), 3, "it is not UTF-8"),
    "UTF-16": (f"[a]\nb = {SECRET}\n".encode("utf-16"), 1, "it is not UTF-8"),
}


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("name", VALID)
def test_a_valid_file_is_read_as_botocore_reads_it(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / "config", VALID[name])
    assert ours(path) == botocores(path)


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_file_is_an_error_with_its_line_and_without_its_text(
    name: str, tmp_path: Path
) -> None:
    content, line, reason = INVALID[name]
    path = write(tmp_path / "config", content)
    error = ours(path)
    assert botocores(path) is None
    assert str(error).startswith(f"the file {path} cannot be read: line {line}: {reason}")
    assert SECRET not in str(error)
    assert error.__context__ is None, "it could hold the file's text"


@pytest.mark.parametrize(("size", "is_valid"), [(65536, True), (65537, False)])
def test_a_sections_name_has_a_largest_length(size: int, is_valid: bool, tmp_path: Path) -> None:
    found = ours(write(tmp_path / "config", f"\n[{'a' * size}]\nb = c\n"))
    assert is_valid or "line 2: a section's name is longer than 65536" in str(found)
    assert is_valid != isinstance(found, exceptions.InvalidConfigError)


WORDS = st.sampled_from(
    [
        *("profile", "default", "DEFAULT", "sso-session", "services", "  "),
        *"aB=:[]#;%\"'\\ \t\x0b\x0c\x1c\x85\xa0\u2028\u00fc",
    ]
)
LINES = st.one_of(
    st.sampled_from(["[default]", "[profile a]", "[DEFAULT]", "[services b]", "a = b", "", "#"]),
    st.builds("[{}]".format, st.lists(WORDS, max_size=4).map("".join)),
    st.builds("{}={}".format, *[st.lists(WORDS, max_size=3).map("".join)] * 2),
    st.lists(WORDS, max_size=6).map("".join),
    st.text(max_size=6),
)
INDENTS = st.sampled_from(["", "", " ", "  ", "\t"])
FILES = st.lists(st.builds("{}{}{}".format, INDENTS, LINES, st.sampled_from("\n\n\r"))).map(
    lambda lines: "".join(lines).encode("utf-8", "surrogatepass")
)
#: Files that are mostly valid: sections with different names, and keys with different ones.
SECTIONS = st.lists(
    st.tuples(
        st.sampled_from(["default", "DEFAULT", "profile default", "profile a", "b", "services c"]),
        st.lists(
            st.tuples(
                st.sampled_from(["", "  "]),
                st.sampled_from(["a", "B", "c d", "s3"]),
                st.sampled_from(["=", " : "]),
                st.sampled_from(["", "x", "x = y", "\n  x = y", "\n\n   x\n  # z\n  y=", "\n\n"]),
            ),
            unique_by=lambda setting: setting[1],
        ),
    ),
    unique_by=lambda section: section[0],
).map(
    lambda sections: "".join(
        f"[{name}]\n" + "".join("".join(setting) + "\n" for setting in settings)
        for name, settings in sections
    ).encode()
)


@given(st.one_of(FILES, SECTIONS, st.binary()))
@example(b"[DEFAULT]\ns3 =\n  a\n")
@example(b"[a]\nb = 1\n[]]\n")
def test_generated_files_are_read_as_botocore_reads_them(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "config", content)
        theirs, found = botocores(path), ours(path)
    if theirs is None:
        assert isinstance(found, exceptions.InvalidConfigError)
    else:
        assert found == theirs


# Whether there is a file


def make_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("make", [make_folder, os.mkfifo, lambda path: None])
@pytest.mark.usefixtures("_no_settings")
def test_what_is_not_a_file_is_none(
    make: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make(tmp_path / "config")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with pytest.raises(botocore.exceptions.ConfigNotFound):
        botocore.configloader.raw_config_parse(str(tmp_path / "config"))
    assert SharedConfig().full_config() == {kind: {} for kind in KINDS}


def test_a_file_that_may_not_be_read_has_no_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = write(tmp_path / "config", "[default]\na = 1\n")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("builtins.open", refuse)
    found, theirs = read_sections(str(path)), botocore.configloader.raw_config_parse(str(path))
    monkeypatch.undo()
    assert found == theirs == {}
