"""A message for a channel: the author's override, the message, an alternative, or its last words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from chanbridge.model.base import Ref
from chanbridge.model.capabilities import Capabilities
from chanbridge.model.errors import ErrorCode, Fix, Unsupported
from chanbridge.model.message import Message, Relation
from chanbridge.model.naming import with_ids
from chanbridge.model.parts import Template, Text
from chanbridge.transcode import details
from chanbridge.transcode.email import as_mail
from chanbridge.transcode.forms import Form, all_ids, drafts
from chanbridge.transcode.plan import (
    LOSS_ORDER,
    Loss,
    LossLevel,
    Option,
    Plan,
    Policy,
    ReplyMap,
    Situation,
    Step,
)
from chanbridge.transcode.text.lengths import excess
from chanbridge.transcode.work import Draft, Work, worst

_LITERAL = frozenset({"plain", "whatsapp"})
_DEFAULT_POLICY = Policy()
_DEFAULT_SITUATION = Situation()


def transcode(
    message: Message,
    capabilities: Capabilities,
    policy: Policy = _DEFAULT_POLICY,
    situation: Situation = _DEFAULT_SITUATION,
    *,
    channel: str = "",
) -> Plan:
    """Plan what sending a message will do; raise `Unsupported` if too much of it would be lost.

    ``channel`` picks the author's override. The same arguments give the same plan.
    """
    return _literally(message, capabilities, policy, situation, channel) or _planned(
        with_ids(message), capabilities, policy, situation, channel or capabilities.channel
    )


def _literally(
    message: Message, capabilities: Capabilities, policy: Policy, situation: Situation, channel: str
) -> Plan | None:
    """Plan one plain text that fits: what most messages are."""
    if len(message.parts) != 1 or message.quick_replies or message.overrides or message.relation:
        return None
    [part] = message.parts
    limits = capabilities.text
    if type(part) is not Text or limits is None or limits.dialect not in _LITERAL or message.recipients:
        return None
    if (
        part.actions
        or part.entities
        or part.format != "plain"
        or capabilities.email
        or capabilities.outbound.parts
    ):
        return None
    if not situation.window_open or policy.sms_encoding != "keep" or excess(part.text, limits):
        return None
    if not part.text or part.text.isspace():
        return None
    id = part.id or "p0"
    return Plan(
        steps=(_step(message, Draft((part if part.id else part.replace(id=id),), (id,)), 0, None, ""),)
    )


class _Candidate(NamedTuple):
    """A form of the message as it would go out."""

    form: Form
    drafts: list[Draft]
    losses: tuple[Loss, ...]

    @property
    def loss(self) -> LossLevel:
        return worst(self.losses)


def _planned(
    message: Message, capabilities: Capabilities, policy: Policy, situation: Situation, channel: str
) -> Plan:
    if message.category in capabilities.window.open_to:
        situation = situation.replace(window_open=True)
    override: Any = message.overrides.get(channel)
    if override is not None and _stands_for_parts(override, capabilities):
        return _overridden(message, override, capabilities, policy, situation)
    if override is not None:
        message = message.replace(overrides={})
        if any(name in override for name in capabilities.window.opened_by):
            situation = situation.replace(window_open=True)
        plan = _planned(message, capabilities, policy, situation, channel)
        return plan.replace(steps=tuple(step.replace(override=override) for step in plan.steps))
    forms = [Form(message.parts, message.quick_replies)]
    forms += [
        Form(a.parts, a.quick_replies, f"/alternatives/{n}") for n, a in enumerate(message.alternatives)
    ]
    if not situation.window_open:
        forms = list(_outside_window(forms, capabilities))
    chosen = _chosen(message, forms, capabilities, policy, situation)
    return _plan(message, chosen, capabilities, policy, situation)


def _stands_for_parts(override: Any, capabilities: Capabilities) -> bool:
    """Say whether an override goes out in place of the parts, or only adds to what is planned."""
    named = capabilities.replaced_by
    return not named or not isinstance(override, dict) or any(name in override for name in named)


def _overridden(
    message: Message, override: Any, capabilities: Capabilities, policy: Policy, situation: Situation
) -> Plan:
    """Send the author's own payload; the parts say what it stands for."""
    work = Work(message, capabilities, policy, situation)
    form = Form(message.parts, message.quick_replies)
    work.know(form.actions())
    options = tuple(
        work.option(placed, wire=placed.action.payload or placed.action.id)
        for placed in form.actions()
        if placed.action.kind == "reply"
    )
    draft = Draft(message.parts, all_ids(message.parts), message.quick_replies, options)
    candidate = _Candidate(form, [draft], ())
    plan = _plan(message, candidate, capabilities, policy, situation)
    return plan.replace(steps=(plan.steps[0].replace(override=override),))


def _outside_window(forms: Iterable[Form], capabilities: Capabilities) -> Iterator[Form]:
    """Leave what may be sent outside the service window (D19)."""
    outside = capabilities.window.outside
    found = False
    for form in forms:
        templates = all(isinstance(part, Template) for part in form.parts) and not form.quick_replies
        if outside in ("free", "tag") or (outside == "template" and templates):
            found = True
            yield form
    if not found:
        fix: Fix = "template" if outside == "template" else "wait"
        raise Unsupported(
            "the service window is closed: send a template, or wait until the contact writes",
            code="window_closed",
            fix=fix,
        )


def _chosen(
    message: Message, forms: list[Form], capabilities: Capabilities, policy: Policy, situation: Situation
) -> _Candidate:
    """Take the first form that fits, else the one that loses least, else the last resort; or refuse."""
    tried: list[_Candidate] = []
    for form in forms:
        work = Work(message, capabilities, policy, situation)
        candidate = _candidate(work, message, form)
        if LOSS_ORDER.index(candidate.loss) <= LOSS_ORDER.index("presentation"):
            tried = [candidate]
            break
        tried.append(candidate)
    best = min(tried, key=lambda candidate: LOSS_ORDER.index(candidate.loss))
    if _acceptable(best, policy):
        return best
    if message.fallback_text and situation.window_open:
        work = Work(message, capabilities, policy, situation)
        last = _last_resort(work, message)
        if _acceptable(last, policy):
            return last
    raise _refusal(best, policy)


def _acceptable(candidate: _Candidate, policy: Policy) -> bool:
    steps = any(draft.parts for draft in candidate.drafts)
    return steps and LOSS_ORDER.index(candidate.loss) <= LOSS_ORDER.index(policy.max_loss)


def _refusal(candidate: _Candidate, policy: Policy) -> Unsupported:
    """Say what would be lost, where, and what to do."""
    order = LOSS_ORDER.index(policy.max_loss)
    beyond = [loss for loss in candidate.losses if LOSS_ORDER.index(loss.level) > order]
    said = "; ".join(f"{loss.path}: {loss.reason} ({loss.rule})" for loss in beyond[:3])
    codes: dict[str, ErrorCode] = {"D19": "window_closed", "D20": "template_invalid"}
    large = beyond and all(_is_size(loss) for loss in beyond)
    code = "too_large" if large else codes.get(beyond[0].rule if beyond else "", "unsupported_content")
    detail = (
        f"{said or 'nothing is left to send'}: give an alternative or a fallback_text, or allow more loss"
    )
    return Unsupported(detail, code=code, fix="shrink" if large else None)


def _is_size(loss: Loss) -> bool:
    return (loss.rule == "D1" and "long" in loss.reason) or loss.reason.startswith("over ")


def _candidate(work: Work, message: Message, form: Form) -> _Candidate:
    found = as_mail(work, form) if work.capabilities.email else drafts(work, form)
    losses = [loss for draft in found for loss in draft.losses]
    losses += details.losses(work, form, found)
    if form.path:
        losses = [*_of_alternative(work, message, form), *losses]
        found = _standing_for(message, found)
    return _Candidate(form, found, (*losses, *_relations(work, message)))


def _standing_for(message: Message, found: list[Draft]) -> list[Draft]:
    """Let the first step of an alternative carry the parts that it stands for."""
    first = next((n for n, draft in enumerate(found) if draft.parts), None)
    if first is None:
        return found
    carries = (*found[first].carries, *all_ids(message.parts))
    return [*found[:first], found[first]._replace(carries=carries), *found[first + 1 :]]


def _of_alternative(work: Work, message: Message, form: Form) -> Iterator[Loss]:
    """Say that the author's poorer form is sent, and which actions it leaves out."""
    yield work.loss(form.path, "presentation", "ladder", "the author's alternative is sent")
    kept = {key for placed in form.actions() for key in (placed.action.id, placed.action.label)}
    for placed in Form(message.parts, message.quick_replies).actions():
        if not kept & {placed.action.id, placed.action.label}:
            yield work.loss(placed.path, "presentation", "ladder", "the author's alternative leaves it out")


def _last_resort(work: Work, message: Message) -> _Candidate:
    """Send the author's fallback text in place of everything."""
    whole = Form(message.parts, message.quick_replies)
    form = Form((Text(id="fallback", text=message.fallback_text),), ())
    found = as_mail(work, form) if work.capabilities.email else drafts(work, form)
    losses = [loss for draft in found for loss in draft.losses]
    losses.append(work.loss("/parts", "affordance", "fallback", "the fallback text is sent"))
    gone = "the fallback text stands for it"
    losses += [work.loss(placed.path, "affordance", "fallback", gone) for placed in whole.actions()]
    found = [draft._replace(carries=all_ids(message.parts)) for draft in found]
    return _Candidate(whole, found, (*losses, *_relations(work, message)))


def _relations(work: Work, message: Message) -> Iterator[Loss]:
    """Say what hangs together no longer (D18), and who is not written to."""
    relation = message.relation or Relation()
    limits = work.capabilities.relation
    if relation.reply_to and limits.reply not in ("native", "partial"):
        yield work.loss("/relation/reply_to", "presentation", "D18", "it does not show what it answers")
    if relation.thread and limits.thread not in ("native", "partial"):
        yield work.loss("/relation/thread", "presentation", "D18", "it does not stand in its thread")
    if relation.replaces:
        reason = "it is a message of its own: edit() changes one that was sent"
        yield work.loss("/relation/replaces", "affordance", "D17", reason)
    mail = work.capabilities.email
    for index, recipient in enumerate(message.recipients):
        if recipient.role in ("cc", "bcc") and not (mail and getattr(mail, recipient.role)):
            yield work.loss(f"/recipients/{index}", "content", "D21", f"the channel has no {recipient.role}")


def _plan(
    message: Message, chosen: _Candidate, capabilities: Capabilities, policy: Policy, situation: Situation
) -> Plan:
    made = [draft for draft in chosen.drafts if draft.parts]
    relation = message.relation or Relation()
    limits = capabilities.relation
    reply_to = relation.reply_to if limits.reply in ("native", "partial") else None
    thread = relation.thread if limits.thread in ("native", "partial") else ""
    steps = tuple(
        _step(message, draft, index, reply_to if index == 0 else None, thread)
        for index, draft in enumerate(made)
    )
    options = tuple(option.replace(step=n) for n, draft in enumerate(made) for option in draft.options)
    return Plan(steps=steps, losses=chosen.losses, reply_map=_map(message, options, policy, situation))


def _map(
    message: Message, options: tuple[Option, ...], policy: Policy, situation: Situation
) -> ReplyMap | None:
    if not options:
        return None
    expires = situation.now + dt.timedelta(seconds=policy.map_ttl_s) if situation.now else None
    return ReplyMap(
        message=message.id, conversation=message.conversation, entries=options, expires_at=expires
    )


def _step(message: Message, draft: Draft, index: int, reply_to: Ref | None, thread: str) -> Step:
    return Step(
        parts=draft.parts,
        index=index,
        carries=draft.carries,
        quick_replies=draft.quick_replies,
        html=draft.html,
        locale=message.locale,
        category=message.category,
        message=message.id,
        expires_at=message.expires_at,
        reply_to=reply_to,
        thread=thread,
        recipients=message.recipients,
        email=draft.email or message.email,
        metadata=message.metadata,
    )
