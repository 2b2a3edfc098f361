"""``statuses[]``: what became of a message, a call, a payment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import chanbridge as cb
from chanbridge_whatsapp.errors import failure, problem_of
from chanbridge_whatsapp.inbound.calls import call_status
from chanbridge_whatsapp.inbound.scope import Scope, moment
from chanbridge_whatsapp.inbound.wire import Pricing, Status, read_status
from chanbridge_whatsapp.money import currency_of, minor, offset

# Bound once: `chanbridge` is lazy, and slow to ask each time.
_MessageStatus, _Price, _Ref = cb.MessageStatus, cb.Price, cb.Ref
FACTS = ("sent", "delivered", "read", "played", "failed")
ENTRY_POINTS = ("referral_conversion", "free_entry_point")
assert set(FACTS) <= set(get_args(cb.Fact))


def status_event(scope: Scope, raw: cb.Raw) -> cb.Event:
    """Give the event of one item of ``statuses[]``."""
    status = read_status(raw.body or raw.content)
    contact = scope.contact(status.recipient_id, status.recipient_user_id, _parent(status))
    base = {
        "account_id": scope.account_id,
        "conversation": _conversation(scope, status, contact),
        "time": moment(status.timestamp),
        "raw": raw,
        "passive": scope.passive,
    }
    read = _READERS.get(status.type or "", _of_message)
    return read(scope, status, base)


def _conversation(scope: Scope, status: Status, contact: cb.Contact | None) -> cb.Conversation | None:
    if status.recipient_type == "group":
        return scope.conversation(None, status.recipient_id)
    return scope.conversation(contact)


def _parent(status: Status) -> str | None:
    return status.recipient_parent_user_id or status.parent_recipient_user_id


def _of_message(scope: Scope, status: Status, base: dict[str, Any]) -> cb.Event:
    if status.status not in FACTS:
        return cb.ProviderEvent(provider_type=f"statuses.{status.status}", provider_id=status.id, **base)
    fact: Any = status.status
    return _MessageStatus(
        target=_Ref(id=status.biz_opaque_callback_data or "", external=status.id),
        fact=fact,
        recipient=_recipient(scope, status),
        error=_error(status),
        price=_price(status.pricing or (status.conversation.pricing if status.conversation else None)),
        window=_window(status),
        extra={"x-whatsapp": {"template_id": str(status.template_id)}} if status.template_id else {},
        **base,
    )


def _recipient(scope: Scope, status: Status) -> str:
    """Give which member of a group it is about; a contact is the only recipient there is."""
    if status.recipient_type != "group":
        return ""
    number = status.recipient_participant_id or status.participant_recipient_id
    member = scope.contact(number, status.recipient_participant_user_id)
    return member.address if member else ""


def _error(status: Status) -> cb.Failure | None:
    """Give the first error; a failure without one is as one that says nothing."""
    if status.errors:
        return failure(problem_of(status.errors[0]))
    return failure(problem_of({})) if status.status == "failed" else None


def _price(pricing: Pricing | None) -> cb.Price | None:
    if pricing is None:
        return None
    return _Price(
        billable=pricing.billable,
        category=pricing.category or "",
        model=pricing.pricing_model or "",
        type=pricing.type or "",
    )


def _window(status: Status) -> cb.Window | None:
    """Say until when a free entry point (an ad that brought the contact) lets us write."""
    talk = status.conversation
    if talk is None or talk.origin is None or talk.origin.type not in ENTRY_POINTS:
        return None
    until = moment(talk.expiration_timestamp)
    return cb.Window(expires_at=until, opened_by="free_entry_point") if until else None


def _of_call(scope: Scope, status: Status, base: dict[str, Any]) -> cb.Event:
    return call_status(status, base)


def _of_payment(scope: Scope, status: Status, base: dict[str, Any]) -> cb.Event:
    payment = status.payment or {}
    transaction = payment.get("transaction")
    return cb.PaymentUpdated(
        ref=str(payment.get("reference_id") or ""),
        status=status.status,
        amount=_amount(payment),
        transaction=transaction if isinstance(transaction, dict) else {},
        target=cb.Ref(external=status.id),
        provider_id=f"{status.id}|{status.status}",
        **base,
    )


def _amount(payment: dict[str, Any]) -> cb.Money | None:
    currency, amount = payment.get("currency"), payment.get("amount")
    if not (isinstance(currency, str) and currency):
        return None
    currency = currency_of(currency)
    if isinstance(amount, dict) and isinstance(amount.get("value"), int):
        per_unit = amount.get("offset")
        value = amount["value"] * offset(currency)
        return cb.Money(
            currency=currency, minor=value // per_unit if isinstance(per_unit, int) and per_unit else value
        )
    return cb.Money(currency=currency, minor=minor(amount, currency)) if amount is not None else None


_READERS: dict[str, Callable[[Scope, Status, dict[str, Any]], cb.Event]] = {
    "call": _of_call,
    "payment": _of_payment,
}
