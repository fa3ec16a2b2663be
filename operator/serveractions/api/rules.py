r"""What a value must be, said once: Python checks it, the CRD carries it as CEL.

Two copies of a rule drift apart, and then a file that a tool without a cluster calls good is
refused on `kubectl apply`. CEL with a message is used rather than a bare `pattern`, because the API
server's answer to a broken pattern is the pattern, and people need to read what to write instead.

Python's `re` and RE2, which CEL uses, agree only on a common part. So patterns here keep to ASCII
classes written out (no `\s`, `\d`, `\w`), have no look-around, and are matched against the whole
value (`$` alone would let Python accept a trailing newline).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from serveractions.api.model import Model

VALIDATIONS = "x-kubernetes-validations"
"""Where a schema carries its CEL rules."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One promise about a value; used in `Annotated[...]`, or in a model's `RULES`.

    Attributes:
        cel: The expression that the API server evaluates, with the value as `self`.
        message: What to write instead; shown to whoever applied the object.
        holds: The same in Python.
    """

    cel: str
    message: str
    holds: Callable[[Any], bool]

    def check(self, value: Any) -> Any:
        """Return `value`. Raises ValueError with the message when it breaks the rule."""
        if not self.holds(value):
            raise ValueError(self.message)
        return value

    def to_wire(self) -> dict[str, str]:
        """Return the rule as the CRD spells it."""
        return {"rule": self.cel, "message": self.message}

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        rendered = handler(schema)
        rendered.setdefault(VALIDATIONS, []).append(self.to_wire())
        return rendered


def matches(pattern: str, message: str) -> Rule:
    """Return the rule that a whole string matches `pattern`, the same in RE2 and in Python."""
    expression = re.compile(pattern)
    return Rule(
        cel=f"self.matches(r'^(?:{pattern})$')",
        message=message,
        holds=lambda value: expression.fullmatch(value) is not None,
    )


class RuledModel(Model):
    """A model with rules that no single field can state."""

    RULES: ClassVar[tuple[Rule, ...]] = ()
    """Checked in this order, those of base classes first."""

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """Return all rules of the model, inherited ones first."""
        own = (base.__dict__.get("RULES", ()) for base in reversed(cls.__mro__))
        return tuple(rule for rules in own for rule in rules)

    @model_validator(mode="before")
    @classmethod
    def _leave_nulls_out(cls, given: Any) -> Any:
        """Do as the API server does, which drops a null before it fills in defaults."""
        if isinstance(given, dict):
            return {name: value for name, value in given.items() if value is not None}
        return given

    @model_validator(mode="after")
    def _keep_the_rules(self) -> Self:
        for rule in self.rules():
            rule.check(self)
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler, /
    ) -> JsonSchemaValue:
        rendered = handler(schema)
        if rules := cls.rules():
            handler.resolve_ref_schema(rendered)[VALIDATIONS] = [rule.to_wire() for rule in rules]
        return rendered
