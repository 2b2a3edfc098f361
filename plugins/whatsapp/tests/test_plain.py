"""The plain text that is read at once is what it would be read the long way."""

import json

from hypothesis import given
from hypothesis import strategies as st

import chanbridge as cb
from chanbridge_whatsapp.inbound.messages import any_events, message_events
from chanbridge_whatsapp.inbound.plain import plain_text
from chanbridge_whatsapp.inbound.scope import Scope
from chanbridge_whatsapp.inbound.wire import Person, Profile

numbers = st.sampled_from(["12025550123", "12025550100", "5215512345678", "", "US.TEST1", None])
people = st.lists(
    st.builds(
        Person,
        profile=st.none() | st.builds(Profile, name=st.sampled_from(["Ada", None])),
        wa_id=numbers, user_id=st.sampled_from(["US.TEST1", "US.TEST2", None]),
        parent_user_id=st.sampled_from(["US.ENT.TEST1", None]),
    ),
    max_size=2,
)  # fmt: skip
scopes = st.builds(
    Scope, account_id=st.just("100000000000001"), number=st.sampled_from(["12025550100", ""]), people=people,
    passive=st.sampled_from(["backfill", None]),
)  # fmt: skip
items = st.fixed_dictionaries(
    {"id": st.sampled_from(["wamid.TEST1", ""]), "type": st.sampled_from(["text", "image", "text "])},
    optional={
        "from": numbers,
        "from_user_id": st.sampled_from(["US.TEST1", None]),
        "from_parent_user_id": st.just("US.ENT.TEST1"),
        "timestamp": st.sampled_from(["1793500000", 1793500000, 1793500000.5, "soon", None]),
        "text": st.sampled_from([{"body": "Hi"}, {"body": ""}, {"body": "é👍"}, {"body": "Hi", "new": 1}]),
        "context": st.sampled_from([{"id": "wamid.TEST0"}, None]),
        "group_id": st.sampled_from(["group-TEST", None]),
        "referral": st.just({"source_type": "ad", "ref": "TEST"}),
        "errors": st.just([]),
    },
)


def read(events, scope, raw):
    try:
        return events(scope, raw)
    except Exception as error:
        return type(error)


@given(scopes, items)
def test_it_is_what_it_would_be_the_long_way(scope, item):
    raw = cb.Raw(body=json.dumps(item))

    assert read(message_events, scope, raw) == read(any_events, scope, raw)


def test_a_plain_text_is_read_at_once():
    item = {"from": "12025550123", "id": "wamid.TEST1", "timestamp": "1793500000", "type": "text"}
    raw = cb.Raw(body=json.dumps({**item, "text": {"body": "Hi"}}))

    assert (
        plain_text(Scope("100000000000001", people=[Person(wa_id="12025550123")]), raw).message.plain == "Hi"
    )
