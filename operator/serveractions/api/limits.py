"""How much the operator may write into a status, and the shortening of what is longer.

Much of a status comes from elsewhere, and Nova's error texts can have 10,000 characters. A status
that the API server refuses is a status that is lost, so the types here shorten by themselves, and
the CRD is rendered from the same types.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

MESSAGE = 4096
"""Characters of `status.message`."""
CONDITION_MESSAGE = 1024
"""Characters of a condition's message. The sentence stands in several conditions, so it is
shorter there."""
WORD = 255
"""Characters of a name, an id, a host."""
URL = 2048
RECORDS = 1000
"""Items of a list of things that Nova has."""
REQUESTS = 100
"""Items of a list of requests that one object led to."""


def truncate(text: str, limit: int = MESSAGE) -> str:
    """Return at most `limit` characters of `text`, and none that UTF-8 cannot carry."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate becomes `?`
    return text if len(text) <= limit else text[: limit - 1] + "…"


@dataclass(frozen=True, slots=True)
class Cut:
    """Shortens a value where a model is made and where it is written; used in `Annotated[...]`.

    Attributes:
        limit: The most characters of a string or items of a list.
        keep: Which end of a list stays; of a string the beginning stays.
    """

    limit: int
    keep: Literal["first", "last"] = "first"

    def __call__(self, value: Any) -> Any:
        """Return `value`, shortened if need be."""
        if isinstance(value, str):
            return truncate(value, self.limit)
        if isinstance(value, (tuple, list)) and len(value) > self.limit:
            return value[: self.limit] if self.keep == "first" else value[-self.limit :]
        return value

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        # On writing too: `model_copy(update=...)`, which changes a frozen model, does not validate.
        return core_schema.no_info_before_validator_function(
            self,
            handler(source),
            serialization=core_schema.wrap_serializer_function_ser_schema(
                lambda value, write: write(self(value))
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        rendered = handler(schema)
        rendered["maxItems" if rendered["type"] == "array" else "maxLength"] = self.limit
        return rendered


Message = Annotated[str, Cut(MESSAGE)]
ConditionMessage = Annotated[str, Cut(CONDITION_MESSAGE)]
Word = Annotated[str, Cut(WORD)]
Url = Annotated[str, Cut(URL)]

_T = TypeVar("_T")
Newest = Annotated[tuple[_T, ...], Cut(RECORDS)]
"""A list with the newest first, as Nova and Glance give them."""
NewestLast = Annotated[tuple[_T, ...], Cut(REQUESTS, keep="last")]
"""A list that the operator appends to."""
