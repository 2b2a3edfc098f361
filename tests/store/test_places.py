"""Which conversation an event belongs to, and what is known of it."""

import pytest
from msgspec.structs import replace

import chanbridge as cb
from chanbridge.store.places import peek
from tests.channels import ADA, NOW
from tests.store.samples import at, bring, lease, outgoing, said

DAY = 24 * 3600


def phone(value):
    return cb.Identity(kind="phone", value=value)


def bsuid(value):
    return cb.Identity(kind="bsuid", value=value)


async def where(store, event):
    [placed] = await bring(store, event)
    return placed.key


async def test_the_first_address_names_a_conversation_for_good(store):
    first = await where(store, said(id="1", identities=(phone(ADA),)))
    second = await where(store, said(id="2", sender="US.TEST1", identities=(bsuid("US.TEST1"), phone(ADA))))
    third = await where(store, said(id="3", sender="US.TEST1", identities=(bsuid("US.TEST1"),)))

    assert first == second == third == f"main/{ADA}"


async def test_who_was_written_to_first_is_found_when_they_answer_under_another_id(store):
    await store.outbox.add(outgoing("Hello"))

    answer = said(sender="US.TEST1", identities=(bsuid("US.TEST1"), phone(ADA)))

    assert await where(store, answer) == f"main/{ADA}"


async def test_a_number_that_is_stated_later_leads_to_the_conversation_too(store):
    await bring(store, said(id="1", sender="US.TEST1", identities=(bsuid("US.TEST1"),)))
    await bring(store, said(id="2", sender="US.TEST1", identities=(bsuid("US.TEST1"), phone(ADA))))

    found = await store.outbox.find_conversation(cb.Conversation(address=f"pigeon:{ADA}", account="main"))

    assert found.key == "main/US.TEST1"


async def test_a_recycled_number_does_not_lead_to_the_person_who_had_it(store):
    old = await where(store, said(id="1", sender="US.OLD", identities=(bsuid("US.OLD"), phone(ADA))))
    new = await where(store, said(id="2", sender="US.NEW", identities=(bsuid("US.NEW"), phone(ADA))))
    again = await where(store, said(id="3", sender="US.OLD", identities=(bsuid("US.OLD"),)))

    assert (old, new, again) == ("main/US.OLD", "main/US.NEW", "main/US.OLD")


async def test_a_number_that_named_a_conversation_and_is_anothers_now_leads_to_them(store):
    old = await where(store, said(id="1", identities=(phone(ADA),)))
    await bring(store, said(id="2", identities=(bsuid("US.OLD"), phone(ADA))))
    new = await where(store, said(id="3", sender="US.NEW", identities=(bsuid("US.NEW"), phone(ADA))))
    by_number = cb.Conversation(address=f"pigeon:{ADA}", account="main")

    found = await store.outbox.find_conversation(by_number)
    wrote = await where(store, said(id="4", identities=(phone(ADA),)))
    again = await where(store, said(id="5", sender="US.OLD", identities=(bsuid("US.OLD"),)))

    assert (old, new) == (f"main/{ADA}", "main/US.NEW")
    assert (found.key, wrote) == (new, new)
    assert again == old


async def answered(store, event):
    """Answer an event in its conversation; give the address that the answer goes to."""
    await store.outbox.add(replace(outgoing("Answer"), conversation=event.conversation))
    [lane] = [lane for lane in await lease(store) if lane.conversation.key == event.key]
    await store.outbox.give_back("a")
    return lane.item.item.to.address


def changed(old, new, id="change"):
    where = cb.Conversation(address=f"pigeon:{old[0].value}")
    return cb.IdentityChanged(account="main", conversation=where, time=NOW, provider_id=id, old=old, new=new)


async def test_an_answer_goes_to_who_wrote_though_their_number_is_anothers_by_now(store):
    await bring(store, said(id="1", identities=(phone(ADA),)))
    await bring(store, said(id="2", identities=(bsuid("US.OLD"), phone(ADA))))
    [other] = await bring(store, said(id="3", sender="US.NEW", identities=(bsuid("US.NEW"), phone(ADA))))
    [event] = await bring(store, said(id="4", sender="US.OLD", identities=(bsuid("US.OLD"),)))

    assert event.key == f"main/{ADA}"
    assert await answered(store, event) == "pigeon:US.OLD"
    assert await answered(store, other) == "pigeon:US.NEW"


@pytest.mark.parametrize(
    ("old", "new", "address"),
    [
        ((phone(ADA),), (phone("+12025550199"),), "pigeon:+12025550199"),
        ((bsuid("US.OLD"), phone(ADA)), (bsuid("US.NEW"), phone("+12025550199")), "pigeon:US.NEW"),
        ((bsuid("US.OLD"),), (bsuid("US.NEW"),), "pigeon:US.NEW"),
    ],
)
async def test_an_answer_goes_to_the_new_id_of_who_has_changed_theirs(store, old, new, address):
    [first] = await bring(store, said(id="1", sender=old[0].value, identities=old))
    await bring(store, changed(old, new))

    assert await answered(store, first) == address

    [later] = await bring(store, said(id="2", sender=new[0].value, identities=new))
    [early] = await bring(store, said(id="3", sender=old[0].value, identities=old[:1]))

    assert later.key == first.key == early.key
    assert await answered(store, early) == f"pigeon:{old[0].value}"  # to who wrote last


async def test_who_has_an_id_of_their_own_and_a_number_that_was_given_up_is_somebody_else(store):
    await bring(store, said(id="1", identities=(phone(ADA),)))
    await bring(store, changed((phone(ADA),), (phone("+12025550199"),)))
    stranger = said(id="2", sender="US.NEW", identities=(bsuid("US.NEW"), phone(ADA)))
    [event] = await bring(store, stranger)

    assert event.key == "main/US.NEW"
    assert await answered(store, event) == "pigeon:US.NEW"


async def test_ids_of_another_app_lead_to_another_conversation(store):
    """As where an SMS provider's webhook brings messages of other apps, too."""
    same = "+12025550177"
    within = cb.Identity(kind="phone", value=same, scope="whatsapp")
    [sms] = await bring(store, said(id="1", sender=same, identities=(phone(same),)))
    [other] = await bring(store, said(id="2", sender=f"whatsapp:{same}", identities=(within,)))

    assert (sms.key, other.key) == (f"main/{same}", f"main/whatsapp:{same}")
    assert await answered(store, other) == f"pigeon:whatsapp:{same}"


async def test_a_familiar_person_who_wrote_from_elsewhere_is_answered_there_and_then_here_again(store):
    both = (bsuid("US.TEST1"), phone(ADA))
    for n in range(2):
        [here] = await bring(store, said(id=f"here-{n}", identities=both))
    [there] = await bring(store, said(id="there", sender="US.TEST1", identities=both))
    elsewhere = await answered(store, there)
    [again] = await bring(store, said(id="again", identities=both))

    assert here.key == there.key == again.key
    assert [elsewhere, await answered(store, again)] == ["pigeon:US.TEST1", f"pigeon:{ADA}"]


async def test_what_we_said_elsewhere_does_not_say_where_they_are(store):
    both = (bsuid("US.TEST1"), phone(ADA))
    await bring(store, said(id="1", identities=both))
    [event] = await bring(store, said(id="2", sender="US.TEST1", identities=both))
    echo = cb.MessageEchoed.text(
        "By phone", sender=cb.Contact(address="pigeon:+12025550100"), account="main", time=NOW,
        conversation=cb.Conversation(address=f"pigeon:{ADA}"), provider_id="echo",
    )  # fmt: skip
    await bring(store, echo)

    assert await answered(store, event) == "pigeon:US.TEST1"


async def test_two_spellings_of_a_number_are_one_person(store):
    spelt = [cb.Identity(kind="wa_id", value=value) for value in ("5215512345678", "525512345678")]
    one = await where(
        store, said(id="1", sender="+525512345678", identities=(spelt[0], phone("+525512345678")))
    )
    two = await where(
        store, said(id="2", sender="US.MX", identities=(bsuid("US.MX"), spelt[1], phone("+525512345678")))
    )

    assert one == two


async def test_a_person_with_a_new_number_keeps_their_conversation(store):
    await bring(store, said(id="1", identities=(bsuid("US.TEST1"), phone(ADA))))
    change = cb.IdentityChanged(
        account="main", conversation=cb.Conversation(address=f"pigeon:{ADA}"), time=NOW, provider_id="1",
        old=(phone(ADA),), new=(phone("+12025550199"), bsuid("US.TEST2")),
    )  # fmt: skip
    await bring(store, change)

    later = said(id="2", sender="US.TEST2", identities=(bsuid("US.TEST2"), phone("+12025550199")))
    assert await where(store, later) == f"main/{ADA}"


async def test_the_business_is_not_taken_for_its_customer(store):
    business = cb.Contact(address="pigeon:+12025550100", identities=(phone("+12025550100"),))

    def echo(to, id):
        place = cb.Conversation(address=f"pigeon:{to}")
        return cb.MessageEchoed.text(
            "Hi", sender=business, conversation=place, provider_id=id, account="main", time=NOW
        )

    keys = [await where(store, echo(to, to)) for to in (ADA, "+12025550124")]

    assert keys == [f"main/{ADA}", "main/+12025550124"]


async def test_a_group_and_a_thread_are_conversations_of_their_own(store):
    group = cb.Conversation(address="pigeon:group-TEST", kind="group")
    thread = cb.Conversation(address=f"pigeon:{ADA}", thread="topic-7")

    assert await where(store, said(id="1")) == f"main/{ADA}"
    assert await where(store, said(id="2", conversation=group)) == "main/group-TEST"
    assert await where(store, said(id="3", conversation=thread)) == f"main/{ADA}#topic-7"


async def window(store):
    found = await store.outbox.find_conversation(cb.Conversation(address=f"pigeon:{ADA}", account="main"))
    return found.window


@pytest.mark.parametrize(
    ("events", "expires"),
    [
        ([said()], at(DAY)),
        ([said(), said(id="2", time=at(-3600))], at(DAY)),  # one that was late does not shorten it
        ([said(), said(id="2", time=at(10))], at(DAY)),  # their clock is ahead of ours
        ([said(passive="backfill")], None),
        ([said(window=cb.Window(open=False))], None),
        ([said(window=cb.Window(expires_at=at(3 * DAY), opened_by="ad"))], at(3 * DAY)),
        ([said(window=cb.Window(expires_at=at(3 * DAY), opened_by="ad")), said(id="2")], at(3 * DAY)),
    ],
)
async def test_what_comes_in_opens_the_window(store, events, expires):
    store.journal.windows = {"main": DAY}
    for event in events:
        await bring(store, event)

    known = await window(store)

    assert (known.expires_at if known else None) == expires


async def test_a_window_without_an_end_is_open(store):
    await bring(store, said(window=cb.Window(opened_by="call")))

    known = await window(store)

    assert known.open
    assert known.expires_at > at(1000 * DAY)


async def context(store, now):
    await store.outbox.add(outgoing("Hello", now=now))
    [lane] = await lease(store, now=now)
    return lane.item.item.context


@pytest.mark.parametrize(("later", "known"), [(59, {"token": "t", "url": "u"}), (61, {"url": "u"})])
async def test_what_an_answer_needs_comes_back_until_it_lapses(store, later, known):
    await bring(store, said(context=cb.Context(values={"url": "u"})))
    lapsing = cb.Context(values={"token": "t"}, expires_at=at(60))
    await bring(store, said(id="2", context=lapsing))

    assert await context(store, at(later)) == known


async def test_consent_is_known_by_scope_and_the_last_word_counts(store):
    def consent(id, **fields):
        place = cb.Conversation(address=f"pigeon:{ADA}")
        return cb.ConsentChanged(account="main", conversation=place, provider_id=id, time=NOW, **fields)

    await bring(store, consent("1", granted=False), consent("2", granted=False, scope="marketing"))
    await bring(store, consent("3", granted=True))

    assert await store.outbox.consent(f"main/{ADA}") == {"all": True, "marketing": False}
    assert await store.outbox.consent("main/nobody") == {}


async def test_what_a_handler_writes_on_a_talk_is_not_on_that_of_another_account(store):
    where = cb.Conversation(address=f"pigeon:{ADA}")  # a plugin may give one object to many
    [main] = await bring(store, said(id="1", conversation=where))
    main.conversation.extra["x-note"] = "VIP"
    [other] = await bring(store, said(id="2", conversation=where, account="other"))

    assert (other.account, other.conversation.extra) == ("other", {})


async def test_a_look_at_a_talk_shows_the_address_that_was_asked_for_as_sending_uses_it(store, tmp_path):
    both = (bsuid("US.TEST1"), phone(ADA))
    await bring(store, said(id="1", identities=both))
    await bring(store, said(id="2", sender="US.TEST1", identities=both))

    for address in (f"pigeon:{ADA}", "pigeon:US.TEST1"):
        seen = peek(tmp_path / "chanbridge.db", cb.Conversation(address=address, account="main"))
        assert seen.address == address
