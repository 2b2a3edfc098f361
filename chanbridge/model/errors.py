"""What can go wrong, in one small tree and one vocabulary.

ChanbridgeError
├── ConfigError           the configuration; names file, key and mend
├── PluginError           a plugin is missing, broken, or breaks its contract; names the plugin
├── SignatureError        a forged or misconfigured webhook
├── PayloadError          the provider sent what its documents do not say
├── ValidationError       a message or document breaks the schema; carries the path
└── SendError             code, retryable, retry_after_s, scope, fix, provider
    └── Unsupported       this message cannot go to this channel; raised before the network
"""

from __future__ import annotations

import datetime as dt
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from chanbridge.model.base import Model

if TYPE_CHECKING:
    from chanbridge.http import HttpResponse

ErrorCode = Literal[
    "invalid_request", "unsupported_content", "too_large", "media_unavailable", "recipient_invalid",
    "recipient_unreachable", "recipient_opted_out", "window_closed", "template_invalid",
    "policy_rejected", "auth_failed", "account_blocked", "rate_limited", "channel_unavailable",
    "expired", "target_gone", "outcome_unknown", "internal",
]  # fmt: skip
Scope = Literal["message", "recipient", "account", "channel"]
Fix = Literal["template", "shrink", "reauth", "consent", "other_channel", "wait", "pay"]


class _Default(NamedTuple):
    retryable: bool
    scope: Scope
    fix: Fix | None = None


ERRORS: dict[ErrorCode, _Default] = {
    "invalid_request": _Default(False, "message"),
    "unsupported_content": _Default(False, "message"),
    "too_large": _Default(False, "message", "shrink"),
    "media_unavailable": _Default(True, "message"),
    "recipient_invalid": _Default(False, "recipient", "other_channel"),
    "recipient_unreachable": _Default(True, "recipient", "other_channel"),
    "recipient_opted_out": _Default(False, "recipient", "consent"),
    "window_closed": _Default(False, "recipient", "template"),
    "template_invalid": _Default(False, "message", "template"),
    "policy_rejected": _Default(False, "message"),
    "auth_failed": _Default(False, "account", "reauth"),
    "account_blocked": _Default(False, "account", "pay"),
    "rate_limited": _Default(True, "account", "wait"),
    "channel_unavailable": _Default(True, "channel", "wait"),
    "expired": _Default(False, "message"),
    "target_gone": _Default(False, "message"),
    "outcome_unknown": _Default(False, "message"),
    "internal": _Default(True, "message"),
}
"""Each code with what holds for it unless an error says otherwise (schema, section 4)."""


class ProviderError(Model, kw_only=True):
    """What the provider itself said."""

    code: str = ""
    subcode: str = ""
    title: str = ""
    http: int = 0
    id: str = ""


class Failure(Model, kw_only=True):
    """An error as data: on events and on the wire."""

    code: ErrorCode
    retryable: bool = False
    retry_after_s: float | None = None
    scope: Scope = "message"
    fix: Fix | None = None
    provider: ProviderError | None = None
    detail: str = ""

    @classmethod
    def of(
        cls,
        code: ErrorCode,
        *,
        provider: ProviderError | None = None,
        detail: str = "",
        **over: Any,
    ) -> Failure:
        """Build a failure with the defaults of its code; ``over`` replaces single fields."""
        default = ERRORS.get(code, ERRORS["internal"])
        fields = {
            "retryable": default.retryable,
            "scope": default.scope,
            "fix": default.fix,
            **over,
        }
        return cls(code=code, provider=provider, detail=detail, **fields)


class ChanbridgeError(Exception):
    """Anything that chanbridge raises on purpose."""


class ConfigError(ChanbridgeError):
    """The configuration is wrong; ``problems`` are sentences that name file, key and mend."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class PluginError(ChanbridgeError):
    """A plugin is missing, broken, or breaks its contract."""

    def __init__(self, plugin: str, problem: str) -> None:
        super().__init__(f"{plugin}: {problem}")
        self.plugin = plugin


class SignatureError(ChanbridgeError):
    """A webhook is forged, or its secret is configured wrongly."""


class PayloadError(ChanbridgeError):
    """The provider sent what its documents do not say."""


class ValidationError(ChanbridgeError):
    """A message or document breaks the schema: ``path`` says where, ``rule`` what must hold."""

    def __init__(self, path: str, rule: str) -> None:
        super().__init__(f"{path}: {rule}" if path else rule)
        self.path = path
        self.rule = rule


class SendError(ChanbridgeError):
    """A message did not go out; ``failure`` says why, as data."""

    def __init__(
        self,
        code: ErrorCode,
        *,
        detail: str = "",
        retryable: bool | None = None,
        retry_after_s: float | None = None,
        scope: Scope | None = None,
        fix: Fix | None = None,
        provider: ProviderError | None = None,
    ) -> None:
        given = {"retryable": retryable, "retry_after_s": retry_after_s, "scope": scope, "fix": fix}
        over = {name: value for name, value in given.items() if value is not None}
        self.failure = Failure.of(code, provider=provider, detail=detail, **over)
        title = provider.title if provider else ""
        super().__init__(": ".join(piece for piece in (code, title, detail) if piece))

    @classmethod
    def of(
        cls,
        response: HttpResponse,
        *,
        code: ErrorCode | None = None,
        provider: object = "",
        subcode: object = "",
        title: str = "",
        id: str = "",
        **over: Any,
    ) -> SendError:
        """Make the error of a response: ``code`` if known, else what its HTTP status stands for."""
        said = ProviderError(
            code=_text(provider), subcode=_text(subcode), title=title, http=response.status, id=id
        )
        over.setdefault("retry_after_s", retry_after(response))
        return cls(code or code_of_status(response.status), provider=said, **over)

    @classmethod
    def from_failure(cls, failure: Failure) -> SendError:
        """Raise again what was written down."""
        error = cls(failure.code, detail=failure.detail, provider=failure.provider)
        error.failure = failure
        return error

    @property
    def code(self) -> ErrorCode:
        return self.failure.code

    @property
    def retryable(self) -> bool:
        return self.failure.retryable

    @property
    def retry_after_s(self) -> float | None:
        return self.failure.retry_after_s

    @property
    def scope(self) -> Scope:
        return self.failure.scope

    @property
    def fix(self) -> Fix | None:
        return self.failure.fix

    @property
    def provider(self) -> ProviderError | None:
        return self.failure.provider


class Unsupported(SendError):
    """This message cannot go to this channel: known before anything was sent."""

    def __init__(
        self, detail: str, *, code: ErrorCode = "unsupported_content", fix: Fix | None = None
    ) -> None:
        super().__init__(code, detail=detail, fix=fix)


_STATUS_CODES: dict[int, ErrorCode] = {
    401: "auth_failed", 402: "account_blocked", 403: "auth_failed", 404: "target_gone",
    408: "channel_unavailable", 410: "target_gone", 413: "too_large", 429: "rate_limited",
}  # fmt: skip


def code_of_status(status: int) -> ErrorCode:
    """Say what an HTTP status stands for where the provider gives no code of its own."""
    if status >= 500:
        return "channel_unavailable"
    return _STATUS_CODES.get(status, "invalid_request" if status >= 400 else "internal")


def retry_after(response: HttpResponse) -> float | None:
    """Read ``Retry-After``: seconds, or an HTTP date counted from the response's own ``Date``."""
    value = response.headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        return max(0.0, float(value)) if value.replace(".", "", 1).isdigit() else _until(value, response)
    except (TypeError, ValueError):
        return None


def _until(value: str, response: HttpResponse) -> float | None:
    until = parsedate_to_datetime(value)
    sent = response.headers.get("date", "")
    if not sent:
        return None
    return max(0.0, (_aware(until) - _aware(parsedate_to_datetime(sent))).total_seconds())


def _aware(time: dt.datetime) -> dt.datetime:
    return time if time.tzinfo else time.replace(tzinfo=dt.UTC)


def _text(value: object) -> str:
    return "" if value is None else str(value)
