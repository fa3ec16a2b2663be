"""What every reason asks of a person, and in which phase it is given.

The reason is the word that people and alerts go by, so its meaning is kept beside the types: the
pages about the kinds, `serveractions explain` and the front page all tell the same.
"""

from types import MappingProxyType

from serveractions.api.status import Phase, Reason

ADVICE: MappingProxyType[Reason, str] = MappingProxyType(
    {
        Reason.WAITING_FOR_OPERATOR: (
            "nothing; if it stays: does the operator run, and does it watch this namespace?"
        ),
        Reason.PROGRESSING: "wait",
        Reason.SUSPENDED: "read in the message what would happen; set `suspend` to false",
        Reason.TRANSIENT_ERROR: (
            "wait, it is tried again. The message says what does not answer, or refuses the login"
        ),
        Reason.WAITING_FOR_SECRET: "create the Secret, or the key in it, that the message names",
        Reason.SERVER_BUSY: (
            "wait: another object is in front on this server, or Nova runs a task on it"
        ),
        Reason.LIMIT_REACHED: (
            "wait: the operator's configuration lets no more run at once. The message says which"
            " limit, and how many go before"
        ),
        Reason.AWAITING_DECISION: "set `decision` to `Confirm` or `Revert`",
        Reason.RECOVERING: (
            "wait: a reply was lost, or the operator was interrupted, and Nova's records are"
            " searched for the request"
        ),
        Reason.SUCCEEDED: "nothing: it has happened",
        Reason.CANCELLED: (
            "nothing: it ended because you asked for that (`cancel`, or `decision: Revert`)"
        ),
        Reason.REVERTED: "ask who reverted the migration: it was not this object",
        Reason.INVALID_CONFIGURATION: (
            "correct the Secret, its label, or the cloud; create a new object"
        ),
        Reason.SERVER_NOT_FOUND: "correct the id, the name, or the project of the credentials",
        Reason.AMBIGUOUS_SERVER_NAME: "use one of the ids in the message",
        Reason.SERVER_LOCKED: "unlock the server, or use an administrator's credentials",
        Reason.WRONG_SERVER_STATE: ("bring the server into a state that Nova takes this action in"),
        Reason.NO_VALID_HOST: "make room, or name another host",
        Reason.NOT_SUPPORTED: (
            "use another way: this hypervisor, or a server that boots from a volume, cannot do it"
        ),
        Reason.POLICY_FORBIDS: (
            "use other credentials, or have the policy rule changed that the message names"
        ),
        Reason.ACTION_REMOVED: ("delete the object: this Nova does not have the action any more"),
        Reason.REFUSED: "read Nova's words (a quota, a bad host, ...) and correct that",
        Reason.ACTION_FAILED: "read the message, look at the server before you try again",
        Reason.ROLLED_BACK: (
            "the server runs where it was: the log of nova-compute there says why"
        ),
        Reason.SERVER_GONE: "nothing is left to do: the server was deleted",
        Reason.DEADLINE_EXCEEDED: "look what Nova is at: it may still be going on",
        Reason.EXPIRED: "create a new object if it is still wanted: it was not sent in time",
        Reason.RESTORED_COPY: (
            "remove the annotation `serveractions.dev/claimed` and apply anew, if it shall run"
            " again"
        ),
        Reason.OUTCOME_UNKNOWN: "look at Nova",
    }
)
"""What to do about each reason, in Markdown."""

_BEFORE_IT_IS_SENT = frozenset(
    {
        Reason.WAITING_FOR_OPERATOR,
        Reason.TRANSIENT_ERROR,
        Reason.WAITING_FOR_SECRET,
        Reason.SERVER_BUSY,
        Reason.LIMIT_REACHED,
        Reason.RECOVERING,
    }
)
_BY_PHASE: dict[Phase, frozenset[Reason]] = {
    Phase.PENDING: _BEFORE_IT_IS_SENT,
    Phase.SUSPENDED: frozenset({Reason.SUSPENDED, Reason.RECOVERING}),
    Phase.ISSUING: frozenset({Reason.PROGRESSING, Reason.RECOVERING}),
    Phase.RUNNING: frozenset({Reason.PROGRESSING}),
    Phase.AWAITING_DECISION: frozenset({Reason.AWAITING_DECISION}),
    Phase.SUCCEEDED: frozenset({Reason.SUCCEEDED}),
    Phase.CANCELLED: frozenset({Reason.CANCELLED}),
}
REASONS: MappingProxyType[Phase, frozenset[Reason]] = MappingProxyType(
    {
        **_BY_PHASE,
        # Whatever is neither a way to wait nor a good end is a way to fail.
        Phase.FAILED: frozenset(Reason).difference(*_BY_PHASE.values()),
    }
)
"""The reasons that an object can give in each phase."""
