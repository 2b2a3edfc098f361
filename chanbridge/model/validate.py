"""Whether a document fits a published schema, in words that a person can act on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from chanbridge.model.schemas import schema

if TYPE_CHECKING:
    from jsonschema import ValidationError as Breach

MOST = 20
"""Most problems that are told of one document."""
_TYPES = {"string": "a string", "integer": "a whole number", "number": "a number", "boolean": "true or false",
          "array": "a list", "object": "an object", "null": "null"}  # fmt: skip


def validate(document: object, name: str) -> list[str]:
    """Say what is wrong with a document: path, and what must hold. It fits if there is nothing.

    A message that fits its schema is also held to the rules that no schema can state.

    ``name`` is that of a schema: ``message``, ``event``, ``capabilities`` or ``config/CHANNEL``. No
    value of the document is quoted. At most `MOST` problems are told, and how many more there are.
    """
    from jsonschema import Draft202012Validator

    try:
        breaches = sorted(_leaves(Draft202012Validator(schema(name)).iter_errors(document)), key=_order)
    except RecursionError:
        return ["the document is nested too deeply"]
    told = list(dict.fromkeys(sentence for breach in breaches for sentence in _sentences(breach)))
    if name == "message" and not told:
        told = _beyond_the_schema(document)
    more = len(told) - MOST
    return [*told[:MOST], f"... and {more} more"] if more > 0 else told


def _beyond_the_schema(document: object) -> list[str]:
    """Say what is wrong with a message that a schema cannot: what `send` would refuse, too."""
    from chanbridge.model.check import problems
    from chanbridge.model.codec import from_wire
    from chanbridge.model.errors import ValidationError
    from chanbridge.model.message import Message

    try:
        return [str(problem) for problem in problems(from_wire(Message, document))]
    except ValidationError as error:
        return [str(error)]


def _leaves(breaches: Iterable[Breach]) -> Iterator[Breach]:
    """Give what is wrong itself: of something that may be null, what is wrong with it if it is not."""
    for breach in breaches:
        if breach.validator == "anyOf":
            yield from _leaves(cause for cause in breach.context or () if not _is_null(cause))
        else:
            yield breach


def _is_null(cause: Breach) -> bool:
    return cause.validator == "type" and cause.validator_value == "null"


def _order(breach: Breach) -> tuple[str, str]:
    return path_of(breach.absolute_path), str(breach.validator)


def path_of(steps: Iterable[str | int]) -> str:
    """Write a path: ``parts[2].media.mime``."""
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return path.removeprefix(".")


def _sentences(breach: Breach) -> Iterator[str]:
    path = path_of(breach.absolute_path)
    instance: Any = breach.instance
    match breach.validator:
        case "required":
            rules = [
                _missing(name, instance) for name in _names(breach.validator_value) if name not in instance
            ]
        case "additionalProperties":
            known = _names(_of(breach, "properties"))
            rules = [_unknown(name, known) for name in sorted(instance) if name not in known]
        case _:
            rules = [_rule(breach)]
    yield from (f"{path}: {rule}" if path else rule for rule in rules)


def _names(value: Any) -> list[str]:
    return list(value or ())


def _rule(breach: Breach) -> str:
    wanted: Any = breach.validator_value
    match breach.validator:
        case "type":
            given = [wanted] if isinstance(wanted, str) else wanted
            return f"must be {' or '.join(_TYPES[one] for one in given)}"
        case "minLength" | "minItems":
            return "must not be empty" if wanted == 1 else f"must be {wanted} long or longer"
        case "maxLength" | "maxItems":
            return f"must be at most {wanted} long"
        case "minimum":
            return f"must be {wanted} or more"
        case "maximum":
            return f"must be {wanted} or less"
        case "const" | "enum":
            members = wanted if isinstance(wanted, list) else [wanted]
            return f"must be {' or '.join(map(repr, members))}"
        case "pattern" if not _of(breach, "x-rule"):
            return _pattern(breach)
        case _:
            return str(_of(breach, "x-rule") or f"breaks the rule '{breach.validator}' of the schema")


def _of(breach: Breach, keyword: str) -> Any:
    return breach.schema.get(keyword) if isinstance(breach.schema, dict) else None


def _missing(name: str, instance: Any) -> str:
    if name == "fallback_text" and isinstance(kind := instance.get("kind"), str):
        near = get_close_matches(kind, _kinds(), 1)
        hint = f" (or is it '{near[0]}'?)" if near else ""
        return f"'fallback_text' is required, since this kind of part is not known{hint}"
    return f"'{name}' is required"


def _kinds() -> list[str]:
    from chanbridge.model.parts import PARTS

    return list(PARTS)


def _unknown(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, 1)
    mend = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}"
    return f"no key '{name}' here: {mend}"


def _pattern(breach: Breach) -> str:
    examples = _of(breach, "examples")
    if examples:
        return f"must be as in {examples[0]}"
    about = _of(breach, "description")
    return f"must match {breach.validator_value}" + (f" ({about})" if about else "")
