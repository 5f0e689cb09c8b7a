"""The targets of a fleet, from arguments and from a file, and what is said of wrong ones."""

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
    targets = make_targets([first, second], ["us-west-2", "eu-west-1"])
    assert targets == (
        Target(first, "us-west-2"),
        Target(first, "eu-west-1"),
        Target(second, "us-east-1"),
    )
    assert [target.name for target in targets] == [
        "111122223333/us-west-2",
        "111122223333/eu-west-1",
        "build/us-east-1",
    ]


def test_the_account_without_role_profile_and_name_is_the_default() -> None:
    (target,) = make_targets([Account()], ["us-west-2"])
    assert target.name == "default/us-west-2"


def test_a_file_has_accounts_with_what_holds_for_all(tmp_path: Path) -> None:
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
        ("region = ['us-west-2']", r"- region: not a key; allowed: regions, profile"),
        ("regions = 'us-west-2'", r"- regions: 'us-west-2' given; allowed: a list of regions"),
        ("regions = ['us-west-2']", r"- accounts: none given"),
        ("accounts = 3", r"- accounts: 3 \(int\) given; allowed: tables"),
        ("[[accounts]]\nrole = 'x'", r"- accounts\[0\]\.role: not a key; allowed: role_arn"),
        ("[[accounts]]\nrole_arn = 3", r"- accounts\[0\]\.role_arn: 3 \(int\) given"),
        (
            "regions = ['us-west-2']\n[[accounts]]\n[[accounts]]\nname='b'\nrole_arn = 'reader'",
            r"- accounts\[1\]\.role_arn: 'reader' given; allowed: a role's ARN",
        ),
        ("[[accounts]]", r"- accounts\[0\]\.regions: none given, and no regions for all"),
        (
            "[[accounts]]\nregions = ['us_west_2']",
            r"- accounts\[0\]\.regions\[0\]: 'us_west_2' given; allowed: a region's name",
        ),
        (
            "regions = ['us-west-2']\n[[accounts]]\n[[accounts]]",
            r"- accounts: default/us-west-2 is there twice; give one of the accounts a name",
        ),
        (
            "regions = ['us-west-2']\n[[accounts]]\nexternal_id = 'abc'",
            r"- accounts\[0\]\.external_id: given without role_arn",
        ),
    ],
)
def test_an_error_names_the_file_the_table_and_the_key(
    tmp_path: Path, text: str, problem: str
) -> None:
    file = write(tmp_path, text)
    with pytest.raises(InvalidConfigError, match=problem) as caught:
        load_targets(file)
    assert str(caught.value).startswith(f"{file}: not valid")


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ParamValidationError) as caught:
        make_targets([Account(role_arn="x", session_name="?")], ["us-west-2", "", "fips-us-west-2"])
    assert [problem.parameter for problem in caught.value.problems] == [
        "regions[1]",
        "regions[2]",
        "accounts[0].role_arn",
        "accounts[0].session_name",
    ]


def test_a_file_tells_types_patterns_keys_and_what_is_twice_at_once(tmp_path: Path) -> None:
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
        rolearn = "x"
        """,
    )
    with pytest.raises(InvalidConfigError) as caught:
        load_targets(file)
    lines = [line.partition(" given")[0] for line in str(caught.value).splitlines()[1:]]
    assert [line.partition(": not a key")[0] for line in lines] == [
        "  - regions[0]: 'us_west_2'",
        "  - regions[1]: '3'",
        "  - session_name: '?'",
        "  - accounts-file",
        "  - accounts[0].role_arn: 3 (int)",
        "  - accounts[0].profile: ''",
        "  - accounts[0].external_id: another value",
        "  - accounts[0].regions: 'us-west-2'",
        "  - accounts[1].external_id: another value",
        "  - accounts[1].external_id:",
        "  - accounts[2].rolearn",
        "  - accounts: b/us_west_2 is there twice; give one of the accounts a name",
        "  - accounts: b/3 is there twice; give one of the accounts a name",
    ]
    assert "secret" not in str(caught.value)


def test_an_external_id_is_not_repeated() -> None:
    account = Account(role_arn=ROLE, external_id="an external id")
    assert "an external id" not in repr(account)
    with pytest.raises(ParamValidationError, match="external_id") as caught:
        make_targets([account], ["us-west-2"])
    assert "an external id" not in str(caught.value)


def test_a_target_can_be_sent_to_another_process() -> None:
    (target,) = make_targets([Account(role_arn=ROLE)], ["us-west-2"])
    assert pickle.loads(pickle.dumps(target)) == target


def test_a_file_that_is_too_large_is_not_read_whole(tmp_path: Path) -> None:
    file = write(tmp_path, "#" * 2_000_000)
    with pytest.raises(InvalidConfigError, match="larger than 1 MiB"):
        load_targets(file)
