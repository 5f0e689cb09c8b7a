"""The tokens of walks are untrusted: invalid ones are errors, others lead to listed items."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagebuilder_pager.exceptions import ParentGoneError, StartingTokenError
from imagebuilder_pager.models.exceptions import InvalidPaginationTokenException
from imagebuilder_pager.pagination import decode_token, encode_token
from tests.fakes.image_builder import async_client_of, client_of
from tests.fakes.lifecycle_account import make_account, policy_arn
from tests.fakes.paginated_service import WAYS
from tests.fakes.tokens import packed
from tests.fakes.walks import records_by

ACCOUNT = make_account(policies=2, executions=3, images=4, amis=3, most=2)
CLIENT = client_of(ACCOUNT)
ORDER = ACCOUNT.keys()


def tokens() -> list[str]:
    walk = CLIENT.walk_lifecycle()
    return [walk.resume_token or "" for _ in walk if walk.resume_token]


TOKENS = tokens()
HONEST = decode_token(TOKENS[-3])


@pytest.mark.parametrize(
    "token",
    [
        *("", "abc", 5, b"abc", ["a"], "eyJuZXh0VG9rZW4iOiAiYSJ9", "x" * 1_000_001),
        packed("[" * 100_000),
        packed("5" * 10_000),
        packed([]),
        packed({}),
        packed({**HONEST, "more": 1}),
        packed({name: HONEST[name] for name in ("walk", "keys")}),
        packed({**HONEST, "walk": None}),
        packed({**HONEST, "keys": []}),
        packed({**HONEST, "keys": [*HONEST["keys"], "a"]}),
        packed({**HONEST, "keys": {"a": 1}}),
        packed({**HONEST, "keys": [*HONEST["keys"][:-1], 5]}),
        packed({**HONEST, "keys": [None, *HONEST["keys"][1:]]}),
        packed({**HONEST, "keys": ["", *HONEST["keys"][1:]]}),
        packed({**HONEST, "keys": ["YQ==", "a"], "boto_encoded_keys": [["keys", 0]]}),
        packed({**HONEST, "boto_encoded_keys": 5}),
        packed({**HONEST, "token": ""}),
        packed({**HONEST, "token": 5}),
        packed({**HONEST, "token": packed({"maxResults": 1, "nextToken": "a"})}),
        packed({**HONEST, "token": packed({"nextToken": 5})}),
        packed({**HONEST, "token": packed({"nextToken": ""})}),
        packed({**HONEST, "token": packed({"boto_truncate_amount": -1})}),
        packed({**HONEST, "token": packed({"boto_truncate_amount": 10**9})}),
    ],
    ids=lambda token: repr(token)[:40],
)
def test_any_other_token_is_refused(token: Any) -> None:
    ACCOUNT.requests.clear()
    for client in (CLIENT, async_client_of(ACCOUNT)):
        with pytest.raises(StartingTokenError, match=r"^StartingToken: "):
            client.walk_lifecycle(StartingToken=token)
    assert ACCOUNT.requests == []


KEYS = st.one_of(
    st.none(),
    st.text(max_size=5),
    st.sampled_from(
        sorted({key for token in TOKENS for key in decode_token(token)["keys"] if key})
    ),
)
PAGE_TOKENS = st.one_of(
    st.none(),
    st.text(max_size=5),
    st.sampled_from([decode_token(token)["token"] for token in TOKENS]),
    st.builds(
        lambda token, offset: packed({"nextToken": token, "boto_truncate_amount": offset}),
        st.one_of(st.none(), st.text(max_size=3)),
        st.integers(0, 1000),
    ),
)
DOCUMENTS = st.fixed_dictionaries(
    {
        "walk": st.just(HONEST["walk"]),
        "keys": st.lists(KEYS, max_size=5),
        "token": PAGE_TOKENS,
    }
)


@given(document=DOCUMENTS)
@settings(deadline=None, derandomize=True, max_examples=400)
def test_any_token_is_refused_or_leads_to_listed_items(document: dict[str, Any]) -> None:
    ACCOUNT.requests.clear()
    try:
        walk = CLIENT.walk_lifecycle(StartingToken=encode_token(document))
    except StartingTokenError:
        assert ACCOUNT.requests == []
        return
    found: list[tuple[Any, ...]] = []
    try:
        found.extend(tuple(record.key) for record in walk)
    except (ParentGoneError, InvalidPaginationTokenException) as error:
        assert error.resume_token  # noqa: PT017  # it may end well, too
    assert set(found) <= set(ORDER)
    assert len(ACCOUNT.requests) < 1500
    ids = {json.dumps(key) for record in ORDER for key in record}
    sent = [params.get("parentResourceId") for _, params in ACCOUNT.requests]
    assert {json.dumps(value) for value in sent} <= ids


@pytest.mark.parametrize("way", WAYS)
def test_a_made_up_key_in_place_of_a_given_policy(way: str) -> None:
    arguments: dict[str, Any] = {"policies": [policy_arn(1)]}
    _, token = records_by(way, ACCOUNT, 1, **arguments)
    document = decode_token(token or "")
    document["keys"][0] = policy_arn(0)
    ACCOUNT.requests.clear()
    with pytest.raises(ParentGoneError):
        records_by(way, ACCOUNT, StartingToken=encode_token(document), **arguments)
    assert ACCOUNT.requests == []
