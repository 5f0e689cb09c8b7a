"""The targets of a fleet, from arguments and from a file, and the errors of invalid ones."""

import pickle
from pathlib import Path

import pytest

from imagebuilder_pager.exceptions import InvalidConfigError, ParamValidationError
from imagebuilder_pager.fleet import Account, Target, load_targets, make_targets

ROLE = "arn:aws:iam::111122223333:role/ops/Reader"


def write(folder: Path, text: str) -> Path:
    file = folder / "targets.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_targets_are_accounts_times_regions() -> None:
    first, second = Account(role_arn=ROLE), Account(profile="build", regions=("us-east-1",))
    targets = make_targets([first, second, Account()], ["us-west-2", "eu-west-1"])
    assert targets[:3] == (
        Target(first, "us-west-2"),
        Target(first, "eu-west-1"),
        Target(second, "us-east-1"),
    )
    assert [target.name for target in targets] == [
        *("111122223333/us-west-2", "111122223333/eu-west-1", "build/us-east-1"),
        *("default/us-west-2", "default/eu-west-1"),
    ]
    assert pickle.loads(pickle.dumps(targets)) == targets


def test_a_file_has_accounts_and_values_for_all_of_them(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        f"""
        regions = ["us-west-2", "eu-west-1"]
        profile = "ops"
        session_name = "audit"

        [[accounts]]
        role_arn = "{ROLE}"
        external_id = "an-external-id"

        [[accounts]]
        name = "build"
        profile = "build"
        regions = ["us-east-1"]
        """,
    )
    role = Account(role_arn=ROLE, profile="ops", external_id="an-external-id", session_name="audit")
    build = Account(profile="build", name="build", session_name="audit", regions=("us-east-1",))
    assert load_targets(file) == (
        Target(role, "us-west-2"),
        Target(role, "eu-west-1"),
        Target(build, "us-east-1"),
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("regions = 'x", "not valid TOML"),
        ("regions = ['us-west-2']", r"- accounts: none given; allowed: one or more"),
        ("accounts = 3", r"- accounts: 3 \(int\) given; allowed: tables, each \[\[accounts\]\]"),
        ("[[accounts]]", r"- accounts\[0\]\.regions: none given, and no regions for all"),
        ("#" * 2_000_000, "larger than 1 MiB"),
    ],
    ids=["TOML", "no accounts", "no tables", "no regions", "large"],
)
def test_an_unusable_file_is_named(tmp_path: Path, text: str, problem: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(InvalidConfigError, match=problem) as caught:
        load_targets(file)
    assert str(caught.value).startswith(f"{file}: ")


def test_an_error_lists_all_problems_of_a_file_and_no_external_id(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        """
        regions = ["us_west_2", 3]
        session_name = "?"
        accounts-file = "x"

        [[accounts]]
        role_arn = 3
        profile = ""
        external_id = ["secret"]
        regions = "us-west-2"

        [[accounts]]
        name = "b"
        external_id = "secret secret"

        [[accounts]]
        name = "b"
        role_arn = "reader"
        rolearn = "x"
        """,
    )
    with pytest.raises(InvalidConfigError) as caught:
        load_targets(file)
    role = "a role's ARN, such as arn:aws:iam::111122223333:role/Reader"
    external_id = "another value given; allowed: 2 to 1224 letters, digits and + = , . @ : / _ -"
    keys = "role_arn, profile, name, external_id, session_name, regions"
    twice = "is there twice; give one of the accounts a name"
    head, *lines = str(caught.value).split("\n  - ")
    assert head == f"{file}: not valid"
    region = "a region's name, such as us-west-2 (letters, digits and hyphens, at most 63)"
    assert lines == [
        f"regions[0]: 'us_west_2' given; allowed: {region}",
        f"regions[1]: '3' given; allowed: {region}",
        "session_name: '?' given; allowed: 2 to 64 letters, digits and + = , . @ _ -",
        "accounts-file: not a key; allowed: regions, profile, session_name, accounts",
        f"accounts[0].role_arn: 3 (int) given; allowed: {role}",
        "accounts[0].profile: '' given; allowed: a profile of AWS's shared files",
        f"accounts[0].external_id: {external_id}",
        "accounts[0].regions: 'us-west-2' given; allowed: a list of regions",
        f"accounts[1].external_id: {external_id}",
        "accounts[1].external_id: given without role_arn",
        f"accounts[2].role_arn: 'reader' given; allowed: {role}",
        f"accounts[2].rolearn: not a key; allowed: {keys}",
        f"accounts: b/us_west_2 {twice}",
        f"accounts: b/3 {twice}",
    ]
    assert "secret" not in str(caught.value)


def test_an_error_lists_all_problems_of_arguments_and_no_external_id() -> None:
    account = Account(role_arn="x", session_name="?", external_id="an external id")
    assert "an external id" not in repr(account)
    with pytest.raises(ParamValidationError) as caught:
        make_targets([account], ["us-west-2", "", "fips-us-west-2"])
    assert [problem.parameter for problem in caught.value.problems] == [
        "regions[1]",
        "regions[2]",
        "accounts[0].role_arn",
        "accounts[0].external_id",
        "accounts[0].session_name",
    ]
    assert "an external id" not in str(caught.value)
