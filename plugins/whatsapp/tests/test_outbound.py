"""Each step goes out as the provider's documents write it: head, words, files, overrides."""

from __future__ import annotations

import pytest

import chanbridge as cb
from chanbridge.testing import drive, ok

MESSAGES = "https://graph.facebook.com/v26.0/100000000000001/messages"
MEDIA = "https://graph.facebook.com/v26.0/100000000000001/media"
SCOPED = cb.Conversation(address="whatsapp:US.TESTBSUID0001")
GROUP = cb.Conversation(address="whatsapp:GROUPTEST0001", kind="group")
ACCEPTED = ok(messages=[{"id": "wamid.OUT0001"}], contacts=[{"wa_id": "12025550123"}])


def test_a_text_goes_to_a_number_with_our_key_and_what_it_answers(channel, step):
    one = step(cb.Text(text="Hi"), reply_to=cb.Ref(external="wamid.TEST0001"))

    result, [request] = drive(channel.send(one), ACCEPTED, channel=channel)

    assert (request.method, request.url, request.repeatable) == ("POST", MESSAGES, False)
    assert request.json() == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "+12025550123",
        "type": "text",
        "text": {"body": "Hi"},
        "context": {"message_id": "wamid.TEST0001"},
        "biz_opaque_callback_data": "job-17",
    }
    assert result == cb.Sent("wamid.OUT0001")


def test_a_contact_without_a_number_is_named_by_the_scoped_id(channel, step):
    [request] = drive(channel.send(step(cb.Text(text="Hi"), to=SCOPED)), ACCEPTED).requests

    body = request.json()
    assert body["recipient"] == "US.TESTBSUID0001"
    assert "to" not in body


def test_a_group_is_named_as_a_group(channel, step):
    [request] = drive(channel.send(step(cb.Text(text="Hi"), to=GROUP)), ACCEPTED).requests

    body = request.json()
    assert (body["recipient_type"], body["to"]) == ("group", "GROUPTEST0001")


@pytest.mark.parametrize(
    ("context", "to"),
    [
        ({"wa_id": "5215512345678"}, "+5215512345678"),
        ({"wa_id": "5215599999999"}, "+525512345678"),
        ({}, "+525512345678"),
    ],
)
def test_an_answer_uses_the_providers_spelling_of_that_number(channel, context, to, step):
    one = step(cb.Text(text="Hola"), to=cb.Conversation(address="whatsapp:+525512345678"), context=context)

    [request] = drive(channel.send(one), ACCEPTED).requests

    assert request.json()["to"] == to


def test_another_name_of_the_recipient_is_an_alias(channel, step):
    answer = ok(
        messages=[{"id": "wamid.1"}], contacts=[{"wa_id": "12025550124", "user_id": "US.TESTBSUID0001"}]
    )

    assert drive(channel.send(step(cb.Text(text="Hi"))), answer).result.address == "whatsapp:US.TESTBSUID0001"


def test_the_providers_spelling_in_its_answer_is_kept_for_the_next_message(channel, step):
    answer = ok(messages=[{"id": "wamid.1"}], contacts=[{"wa_id": "5215512345678"}])
    one = step(cb.Text(text="Hola"), to=cb.Conversation(address="whatsapp:+525512345678"))

    sent = drive(channel.send(one), answer).result

    assert (sent.address, sent.context.values) == ("", {"wa_id": "5215512345678"})


def test_a_group_has_no_other_name(channel, step):
    answer = ok(messages=[{"id": "wamid.1"}], contacts=[{"wa_id": "12025550100"}])

    assert drive(channel.send(step(cb.Text(text="Hi"), to=GROUP)), answer).result.address == ""


def test_our_key_is_never_longer_than_the_provider_takes(channel, step):
    [request] = drive(channel.send(step(cb.Text(text="Hi"), key="k" * 600)), ACCEPTED).requests

    assert request.json()["biz_opaque_callback_data"] == "k" * 512


def test_a_dry_run_needs_no_provider(channel, step):
    picture = cb.MediaPart(role="image", media=cb.Media(blob="b1", mime="image/png"))
    stand_in = cb.HttpResponse(placeholder=True)

    assert drive(channel.send(step(picture)), stand_in, stand_in).result.id == "<id>"


@pytest.mark.parametrize("preview", [True, False])
def test_the_author_decides_on_a_preview(preview, step, content):
    said = content(step(cb.Text(text="https://example.com", preview=preview)))

    assert said == {"type": "text", "text": {"body": "https://example.com", "preview_url": preview}}


def test_a_document_by_link_has_its_name_and_caption(step, content):
    media = cb.Media(url="https://example.com/invoice.pdf", filename="invoice.pdf", mime="application/pdf")
    part = cb.MediaPart(role="document", media=media, caption=cb.Text(text="Your invoice"))

    assert content(step(part)) == {
        "type": "document",
        "document": {
            "link": "https://example.com/invoice.pdf",
            "filename": "invoice.pdf",
            "caption": "Your invoice",
        },
    }


@pytest.mark.parametrize(
    ("role", "kind", "more"),
    [("image", "image", {}), ("video", "video", {}), ("audio", "audio", {}), ("sticker", "sticker", {}),
     ("voice", "audio", {"voice": True})],
)  # fmt: skip
def test_a_file_by_its_id_needs_no_upload(role, kind, more, step, content):
    part = cb.MediaPart(role=role, media=cb.Media(provider_id="900000000000001"))

    assert content(step(part)) == {"type": kind, kind: {"id": "900000000000001", **more}}


@pytest.mark.parametrize(
    "media", [cb.Media(blob="b1", mime="image/png"), cb.Media(data=b"png", mime="image/png")]
)
def test_a_file_is_uploaded_before_the_message_that_uses_it(channel, media, step):
    part = cb.MediaPart(role="image", media=media, caption=cb.Text(text="Look"))

    result, [upload, post] = drive(channel.send(step(part)), ok(id="900000000000003"), ACCEPTED)

    assert (upload.url, upload.repeatable, post.url) == (MEDIA, True, MESSAGES)
    product, type, file = upload.body.fields
    assert (product.value, type.value) == ("whatsapp", "image/png")
    assert (file.name, file.filename, file.content_type) == ("file", "file.png", "image/png")
    assert file.value == (b"png" if media.data else cb.MediaBody(media))
    assert post.json()["image"] == {"id": "900000000000003", "caption": "Look"}
    assert result.id == "wamid.OUT0001"


def test_a_place(step, content):
    part = cb.Location(lat=40.5, lon=-74.25, name="Test Cafe", address="1 Example St")

    assert content(step(part)) == {
        "type": "location",
        "location": {"latitude": 40.5, "longitude": -74.25, "name": "Test Cafe", "address": "1 Example St"},
    }


def test_the_card_of_a_person(step, content):
    phone = cb.Labeled(value="+12025550124", wa_id="12025550124", type="work")
    card = cb.ContactCard(name="Bo Test", first_name="Bo", phones=(phone,))

    assert content(step(cb.Contacts(contacts=(card,)))) == {
        "type": "contacts",
        "contacts": [
            {
                "name": {"formatted_name": "Bo Test", "first_name": "Bo"},
                "phones": [{"phone": "+12025550124", "wa_id": "12025550124", "type": "WORK"}],
            }
        ],
    }


def test_a_card_has_one_more_piece_of_the_name_than_the_whole(step, content):
    said = content(step(cb.Contacts(contacts=(cb.ContactCard(name="Bo"),))))

    assert said["contacts"] == [{"name": {"formatted_name": "Bo", "first_name": "Bo"}}]


def test_every_field_of_a_card_comes_back_as_it_went_out(channel, webhook, step, content):
    address = cb.PostalAddress(
        street="1 Example St", city="Testville", region="NY", postal_code="10000", country="USA",
        country_code="us", type="HOME",
    )  # fmt: skip
    card = cb.ContactCard(
        name="Bo Test", first_name="Bo", last_name="Test", org="Example", department="QA", title="Lead",
        birthday="1990-01-31", phones=(cb.Labeled(value="+12025550124", type="CELL"),),
        emails=(cb.Labeled(value="bo@example.com", type="WORK"),),
        urls=(cb.Labeled(value="https://example.com", type="WORK"),), addresses=(address,),
    )  # fmt: skip
    said = content(step(cb.Contacts(contacts=(card,))))

    [event] = channel.parse(webhook({"from": "12025550123", "id": "wamid.1", "timestamp": "1", **said}))

    assert event.message.parts[0].contacts == (card,)


def test_a_native_message_of_the_author_replaces_ours(step, content):
    native = {"type": "sticker", "sticker": {"id": "900000000000009"}}
    picture = cb.MediaPart(role="image", media=cb.Media(blob="b1"))

    assert content(step(picture, override=native)) == native


def test_native_fields_of_the_author_are_laid_over_ours(step, content):
    said = content(step(cb.Text(text="Hi"), override={"text": {"preview_url": True}}))

    assert said == {"type": "text", "text": {"body": "Hi", "preview_url": True}}


def test_marketing_templates_go_by_their_own_endpoint_where_configured(account, step):
    channel = account(marketing_messages="STRICT", message_activity_sharing=True)
    part = cb.Template(name="sale", language="en")

    [marketing] = drive(channel.send(step(part, category="marketing")), ACCEPTED).requests
    [utility] = drive(channel.send(step(part, category="utility")), ACCEPTED).requests

    assert marketing.path == "/v26.0/100000000000001/marketing_messages"
    assert marketing.json()["product_policy"] == "STRICT"
    assert marketing.json()["message_activity_sharing"] is True
    assert utility.url == MESSAGES
    assert "product_policy" not in utility.json()


@pytest.mark.parametrize(
    ("direct_send", "category", "named"),
    [(True, "utility", True), (True, "marketing", False), (False, "utility", False)],
)
def test_direct_send_names_the_category(account, direct_send, category, named, step):
    channel = account(direct_send=direct_send)

    [request] = drive(channel.send(step(cb.Text(text="Hi"), category=category)), ACCEPTED).requests

    assert ("category" in request.json()) is named


def test_direct_send_is_not_for_templates(account, step):
    channel = account(direct_send=True)
    one = step(cb.Template(name="t", language="en"), category="utility")

    [request] = drive(channel.send(one), ACCEPTED).requests

    assert "category" not in request.json()


def test_version_and_address_of_the_api_are_the_configurations(account, step):
    channel = account(base_url="http://localhost:8400/", api_version="v25.0")

    [request] = drive(channel.send(step(cb.Text(text="Hi"))), ACCEPTED).requests

    assert request.url == "http://localhost:8400/v25.0/100000000000001/messages"


def test_a_refusal_is_raised_as_what_it_stands_for(channel, step):
    refusal = cb.HttpResponse.of_json({"error": {"code": 131047, "message": "Re-engagement"}}, status=400)

    with pytest.raises(cb.SendError, match="window_closed"):
        drive(channel.send(step(cb.Text(text="Hi"))), refusal, channel=channel)


def test_a_kind_that_whatsapp_has_not_is_refused(channel, step):
    poll = cb.Poll(question="?", options=(cb.PollOption(label="A"),))

    with pytest.raises(cb.Unsupported, match="no poll"):
        drive(channel.send(step(poll)))
