"""Tokens are read strictly, and mean what LiveKit's mean."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import warnings
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit import api

from roomful.auth.grant import Grant, VideoGrant
from roomful.auth.token import LEEWAY_S, MAX_BYTES, sign, verify
from roomful.core.errors import Unauthenticated

KEYS = {"devkey": "secret", "other": "another secret that is long enough for anybody"}
NOW = 1_800_000_000
GRANT = Grant(identity="ada", video=VideoGrant(room_join=True, room="tea"))


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def raw_token(claims: object, head: object = None, secret: str = "secret") -> str:
    signed = f"{part(head or {'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}"
    return f"{signed}.{part(hmac.digest(secret.encode(), signed.encode(), 'sha256'))}"


def claims(**changed: Any) -> dict[str, Any]:
    return {"iss": "devkey", "sub": "ada", "nbf": NOW, "exp": NOW + 600, **changed}


def refused(token: str, *, now_s: float = NOW, keys: Mapping[str, str] = KEYS) -> Unauthenticated:
    with pytest.raises(Unauthenticated) as caught:
        verify(token, keys=keys, now_s=now_s)
    return caught.value


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
maybe = st.none() | st.booleans()
videos = st.builds(
    VideoGrant,
    room_create=st.booleans(), room_list=st.booleans(), room_record=st.booleans(), room_admin=st.booleans(),
    room_join=st.booleans(), room=texts, can_publish=maybe, can_subscribe=maybe, can_publish_data=maybe,
    can_publish_sources=st.lists(st.sampled_from(["camera", "microphone", "screen_share"]), unique=True).map(tuple),
    can_update_own_metadata=maybe, can_subscribe_metrics=maybe, can_manage_agent_session=maybe,
    ingress_admin=st.booleans(), hidden=st.booleans(), recorder=st.booleans(), agent=st.booleans(),
    destination_room=texts,
)  # fmt: skip
grants = st.builds(
    Grant,
    identity=texts, name=texts, kind=st.sampled_from(["standard", "agent", "sip"]), metadata=texts,
    attributes=st.dictionaries(texts, texts, max_size=3), video=videos, agent_admin=st.booleans(), sha256=texts,
)  # fmt: skip


@given(grants, st.sampled_from(sorted(KEYS)))
def test_what_is_signed_is_read_back(grant: Grant, key: str) -> None:
    token = sign(grant, key=key, secret=KEYS[key], now_s=NOW, ttl_s=60)
    read = verify(token, keys=KEYS, now_s=NOW)
    said = replace(grant, issuer=key, not_before_s=NOW, expires_s=NOW + 60, fingerprint=read.fingerprint)
    assert read == said
    assert len(read.fingerprint) == 64


@given(grants)
def test_another_library_reads_what_is_signed(grant: Grant) -> None:
    token = sign(grant, key="other", secret=KEYS["other"], now_s=NOW, ttl_s=10**9)
    options: Any = {"verify_nbf": False}
    read = jwt.decode(token, KEYS["other"], algorithms=["HS256"], options=options)
    assert read["iss"] == "other"
    assert read.get("sub", "") == grant.identity


def test_livekits_own_tokens_mean_the_same() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its library warns of the short development secret
        token = (
            api.AccessToken("devkey", "secret")
            .with_identity("ada")
            .with_name("Ada")
            .with_metadata("m")
            .with_attributes({"a": "b"})
            .with_kind("agent")
            .with_ttl(timedelta(hours=1))
            .with_room_config(api.RoomConfiguration(name="tea", max_participants=3))
            .with_grants(
                api.VideoGrants(
                    room_join=True, room="tea", can_publish=False, can_publish_sources=["camera"], hidden=True
                )
            )
            .to_jwt()
        )
    began = jwt.decode(token, options={"verify_signature": False})["nbf"]
    grant = verify(token, keys=KEYS, now_s=began)
    assert (grant.identity, grant.name, grant.metadata, grant.kind) == ("ada", "Ada", "m", "agent")
    assert grant.attributes == {"a": "b"}
    assert grant.room_config["maxParticipants"] == 3
    assert grant.video.room_join and grant.video.room == "tea" and grant.video.hidden
    permission = grant.video.permission()
    assert not permission.can_publish and permission.can_subscribe
    assert permission.can_publish_sources == {"camera"}


def test_the_short_development_secret_is_no_trouble() -> None:
    verify(sign(GRANT, key="devkey", secret="secret", now_s=NOW, ttl_s=60), keys=KEYS, now_s=NOW)


@pytest.mark.parametrize(
    "head",
    [
        {"alg": "none"}, {"alg": "None"}, {"alg": "HS512"}, {"alg": "RS256"}, {"alg": ["HS256"]}, {"typ": "JWT"},
        {"alg": "HS256", "crit": ["exp"]}, {"alg": "HS256", "crit": ["b64"], "b64": False}, {"alg": "HS256", "b64": False},
    ],
)  # fmt: skip
def test_other_algorithms_and_unknown_extensions_are_refused(head: dict[str, object]) -> None:
    refused(raw_token(claims(), head))


def test_alg_none_without_a_signature_is_refused() -> None:
    refused(f"{part({'alg': 'none'})}.{part(claims())}.")


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": None}, {"exp": str(NOW + 600)}, {"exp": True}, {"exp": [NOW]}, {"exp": 1e300}, {"nbf": "soon"},
        {"iat": "then"}, {"sub": 7}, {"name": []}, {"attributes": {"a": 1}}, {"video": []}, {"video": {"roomJoin": "yes"}},
        {"video": {"canPublish": 1}}, {"video": {"canPublishSources": "camera"}}, {"kind": "king"},
        {"roomConfig": "x"}, {"name": "\ud800"}, {"attributes": {"\udfff": "x"}},
    ],
)  # fmt: skip
def test_claims_of_a_wrong_type_are_refused(changed: dict[str, object]) -> None:
    refused(raw_token(claims(**changed)))


def test_a_token_without_exp_is_refused() -> None:
    said = claims()
    del said["exp"]
    assert "exp" in refused(raw_token(said)).message


@pytest.mark.parametrize("late", [0, 1, 10**6])
def test_an_expired_token_is_refused(late: int) -> None:
    token = raw_token(claims())
    verify(token, keys=KEYS, now_s=NOW + 600 + LEEWAY_S - 1)
    assert refused(token, now_s=NOW + 600 + LEEWAY_S + late).code == "token_expired"


def test_a_token_of_tomorrow_is_refused_but_clocks_may_differ() -> None:
    token = raw_token(claims(nbf=NOW + LEEWAY_S))
    verify(token, keys=KEYS, now_s=NOW)
    refused(token, now_s=NOW - 1)


@pytest.mark.parametrize("key", ["devkey", "unknown", "", None, 7, ["devkey"]])
def test_wrong_and_unknown_keys_are_refused_alike(key: object) -> None:
    error = refused(raw_token(claims(iss=key), secret="guess"))
    assert "secret" not in error.message


def test_each_of_several_keys_signs_only_for_itself() -> None:
    refused(raw_token(claims(iss="other"), secret="secret"))
    verify(raw_token(claims(iss="other"), secret=KEYS["other"]), keys=KEYS, now_s=NOW)


def test_repeated_names_are_refused() -> None:
    text = json.dumps(claims())
    refused(raw_token((text[:-1] + ',"sub":"eve"}').encode()))


@pytest.mark.parametrize("body", [b"[]", b"7", b"{", b"\xff", b"[" * 50_000, b'{"exp":NaN}', "{}".encode("utf-16")])
def test_payloads_that_are_no_object_are_refused(body: bytes) -> None:
    refused(raw_token(body))


def test_a_long_token_is_refused_unread() -> None:
    refused("a" * (MAX_BYTES + 1))


def test_the_signatures_text_cannot_be_varied() -> None:
    """32 bytes leave two bits of the last letter unused; only one of the four letters is good."""
    token = sign(GRANT, key="devkey", secret="secret", now_s=NOW, ttl_s=60)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/="
    good = [letter for letter in letters if _holds(token[:-1] + letter)]
    assert good == [token[-1]]


def _holds(token: str) -> bool:
    try:
        verify(token, keys=KEYS, now_s=NOW)
    except Unauthenticated:
        return False
    return True


@given(st.integers(0, 400), st.characters())
def test_a_changed_letter_never_passes(index: int, letter: str) -> None:
    token = sign(GRANT, key="devkey", secret="secret", now_s=NOW, ttl_s=60)
    index %= len(token)
    changed = token[:index] + letter + token[index + 1 :]
    assert _holds(changed) == (changed == token)


@given(
    st.text(max_size=200)
    | st.lists(st.binary(max_size=60), min_size=3, max_size=3).map(lambda p: ".".join(map(part, p)))
)
def test_nothing_but_a_refusal_comes_of_garbage(token: str) -> None:
    refused(token)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=8), st.sampled_from(["exp", "nbf", "iat", "iss", "sub", "name", "kind", "kindDetails", "metadata", "attributes", "video", "agent", "roomConfig", "sha256"]))  # fmt: skip
def test_any_claim_of_any_type_is_read_or_refused(value: object, name: str) -> None:
    _holds(raw_token(claims(**{name: value})))


def test_the_fingerprint_is_of_what_was_signed() -> None:
    token = sign(GRANT, key="devkey", secret="secret", now_s=NOW, ttl_s=60)
    expected = hashlib.sha256(token.rpartition(".")[0].encode()).hexdigest()
    assert verify(token, keys=KEYS, now_s=NOW).fingerprint == expected


@pytest.mark.parametrize(
    ("said", "publish", "data"),
    [((None, None), True, True), ((False, None), False, False), ((False, True), False, True), ((True, False), True, False)],
)  # fmt: skip
def test_what_is_not_said_follows_livekit(said: tuple[bool | None, bool | None], publish: bool, data: bool) -> None:
    permission = VideoGrant(can_publish=said[0], can_publish_data=said[1]).permission()
    assert (permission.can_publish, permission.can_publish_data) == (publish, data)
    assert permission.can_subscribe and not permission.can_update_metadata
