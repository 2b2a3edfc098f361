"""The invariants of the transcoder, over random messages and random channels (schema, section 7)."""

from __future__ import annotations

import msgspec
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from chanbridge.model.capabilities import Capabilities, TextLimits
from chanbridge.model.errors import Unsupported
from chanbridge.model.message import Message
from chanbridge.model.parts import Action, Card, Carousel, ListPart, MediaPart, Poll
from chanbridge.testing.limits import violations
from chanbridge.testing.strategies import capabilities, messages
from chanbridge.transcode import Inbound, OpenMap, Plan, Policy, Situation, resolve, transcode
from chanbridge.transcode.forms import Form, all_ids
from chanbridge.transcode.plan import LOSS_ORDER
from chanbridge.transcode.words import label_key
from tests.transcode.records import SMS

ANYTHING = Policy(max_loss="rejected")
quick = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
LINKED = Situation(can_serve_links=True)


def plan_of(message: Message, channel: Capabilities, policy: Policy = ANYTHING) -> Plan:
    try:
        return transcode(message, channel, policy, LINKED)
    except Unsupported:
        assume(False)
        raise


def shown_by(step) -> list[str]:
    """The ids of what can be tapped in a step."""
    ids = [action.id for action in step.quick_replies]
    for part in step.parts:
        ids += [action.id for action in part.actions]
        match part:
            case ListPart():
                ids += [item.id for section in part.sections for item in section.items]
            case Poll():
                ids += [option.id for option in part.options]
            case Card(tap=Action() as tap):
                ids.append(tap.id)
            case Carousel():
                ids += [action.id for card in part.cards for action in card.actions]
                ids += [card.tap.id for card in part.cards if card.tap]
    return ids


@quick
@given(messages(), capabilities(email=None))
def test_every_step_keeps_to_every_declared_limit(message, channel):
    plan = plan_of(message, channel)

    assert [broken for step in plan.steps for broken in violations(step, channel)] == []


@quick
@given(messages(), capabilities(email=None))
def test_every_part_stands_in_a_step_or_in_a_loss(message, channel):
    plan = plan_of(message, channel)

    carried = {id for step in plan.steps for id in step.carries}
    lost = [loss.path for loss in plan.losses if loss.level in ("content", "rejected")]
    for index, part in enumerate(message.parts):
        named = any(path.startswith(f"/parts/{index}") for path in lost)
        assert named or set(all_ids([part])) <= carried


@quick
@given(messages(), capabilities(email=None))
def test_every_action_is_native_or_numbered_or_a_line_or_lost_and_only_once(message, channel):
    message = message.replace(alternatives=(), fallback_text="")
    plan = plan_of(message, channel)

    native = [id for step in plan.steps for id in shown_by(step)]
    numbered = (
        [option.action_id for option in plan.reply_map.entries if option.marker] if plan.reply_map else []
    )
    said = {loss.path: loss for loss in plan.losses}
    for placed in Form(message.parts, message.quick_replies).actions():
        loss = said.get(placed.path)
        gone = loss is not None and loss.level in ("content", "rejected")
        line = loss is not None and not gone and loss.rule == "D5"
        where = [native.count(placed.action.id), numbered.count(placed.action.id), int(line), int(gone)]
        assert sum(where) == 1, (placed, where)


@quick
@given(messages(), capabilities(email=None))
def test_every_way_of_answering_gives_the_action_that_was_shown(message, channel):
    plan = plan_of(message, channel)
    assume(plan.reply_map)
    maps = [OpenMap(map=plan.reply_map)]
    options = plan.reply_map.entries
    labels = [label_key(option.label) for option in options]

    for option in options:
        asked = [Inbound(payload=option.token or option.payload)] if not option.marker else []
        asked += [Inbound(text=option.marker), Inbound(text=f"({option.marker})")] if option.marker else []
        if labels.count(label_key(option.label)) == 1:
            asked.append(Inbound(text=option.label))
        for inbound in asked:
            found = resolve(inbound, maps)
            assert found is not None
            assert (found.action_id, found.payload, found.label) == (
                option.action_id,
                option.payload,
                option.label,
            )
            assert not found.stale


NAMES = st.sampled_from(("0", "1", "2", "02", "(2)", "٣", "A", "b.", "Ｂ", "C", "AB", "Yes"))
OPTIONS = st.builds(
    Action, label=NAMES, short_label=st.just("") | NAMES, aliases=st.lists(NAMES, max_size=2).map(tuple)
)


@quick
@given(st.lists(OPTIONS, min_size=1, max_size=5))
def test_a_marker_chooses_its_option_whatever_the_others_are_called(actions):
    plan = plan_of(Message.text("Which?", buttons=actions), SMS)
    maps = [OpenMap(map=plan.reply_map)]

    for option in plan.reply_map.entries:
        for text in (option.marker, option.marker.lower(), f"({option.marker})", f"{option.marker}."):
            found = resolve(Inbound(text=text), maps)
            assert found is not None
            assert (found.action_id, found.via) == (option.action_id, "marker")


@quick
@given(messages(), capabilities(email=None))
def test_the_payloads_on_the_wire_differ_and_are_in_the_reply_map(message, channel):
    plan = plan_of(message, channel)

    wired = [
        action.payload
        for step in plan.steps
        for action in (*step.actions, *step.quick_replies)
        if action.kind == "reply"
    ]
    known = {option.token or option.payload for option in plan.reply_map.entries} if plan.reply_map else set()
    assert len(set(wired)) == len(wired)
    assert set(wired) <= known


@quick
@given(messages(), capabilities(email=None))
def test_planning_twice_gives_the_same_bytes(message, channel):
    first, second = plan_of(message, channel), plan_of(message, channel)

    assert msgspec.json.encode(first) == msgspec.json.encode(second)


@quick
@given(messages(max_parts=2), capabilities())
def test_without_losses_the_parts_come_back(message, channel):
    plan = plan_of(message, channel)
    assume(plan.losses == ())

    ids = [id for step in plan.steps for id in step.carries]
    assert ids[: len(all_ids(message.parts))] == list(all_ids(message.parts))
    shown = [part for step in plan.steps for part in step.parts if part.id in all_ids(message.parts)]
    kinds = [part.kind for part in shown if not (part.kind == "text" and not part.id)]
    assert [part.kind for part in message.parts if part.kind in kinds]
    for part in message.parts:
        same = [other for other in shown if other.id == part.id]
        assert same
        if isinstance(part, MediaPart):
            assert same[0].media == part.media
            assert same[0].role == part.role


@quick
@given(messages(), capabilities(email=None), st.sampled_from(LOSS_ORDER))
def test_no_plan_loses_more_than_is_allowed(message, channel, allowed):
    plan = plan_of(message, channel, Policy(max_loss=allowed))

    assert LOSS_ORDER.index(plan.loss) <= LOSS_ORDER.index(allowed)


@quick
@given(messages(), capabilities(email=None))
def test_a_refusal_names_a_place_and_what_to_do(message, channel):
    detail = ""
    try:
        transcode(message, channel, Policy(), LINKED)
    except Unsupported as refused:
        detail = refused.failure.detail
    assume(detail)

    assert "/" in detail
    assert "fallback_text" in detail


def test_the_checker_sees_a_step_that_breaks_a_limit():
    channel = Capabilities(channel="test", text=TextLimits(max=3))
    step = transcode(Message.text("abc"), channel).steps[0]

    assert list(violations(step, channel)) == []
    assert list(violations(step.replace(parts=(step.parts[0].replace(text="abcd"),)), channel))
