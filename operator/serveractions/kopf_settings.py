"""How kopf is set up: as a watcher that lists, watches and reconnects, and that never writes.

Its state machine is not used. Annotations, finalizers and patches without a resourceVersion cannot
keep the promise to send an action once, so the state of an action is written by `kube.status`
alone.
"""

from typing import Any

import kopf

from serveractions.api.kinds import GROUP, KINDS, VERSION
from serveractions.config import Config
from serveractions.kube.paths import UNFINISHED

SERVER_TIMEOUT = 300
"""Seconds after which the API server ends a watch, and kopf asks anew."""
INACTIVITY = 70
"""Seconds without a bookmark after which kopf takes a watch for dead and asks anew."""
SILENT = SERVER_TIMEOUT + INACTIVITY + 60
"""Seconds after which a watch that lives has been answered, with a minute to spare."""


class NoDiffBase(kopf.DiffBaseStorage):
    """Keeps no last handled state.

    kopf builds it for each event from a deep copy of the whole object, also where no handler wants
    to know what has changed: a twelfth of the processor's time in a burst of actions.
    """

    def build(self, **_: Any) -> kopf.BodyEssence:
        """Return the same for every object: nothing of it matters."""
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> None:
        """Return nothing: nothing is stored."""

    def store(self, **_: Any) -> None:
        """Store nothing."""


def configure(settings: kopf.OperatorSettings, config: Config, *, streams: bool = False) -> None:
    """Set every setting that matters here. kopf takes a misspelled name silently: a test looks.

    Args:
        settings: To be set.
        config: The operator's own.
        streams: Whether watches should begin with all objects there are (`cluster.check`).
    """
    # One process acts per slot by its Lease; kopf's peering knows no fencing and would pause both.
    settings.peering.standalone = True
    # No watch on all CRDs and namespaces, and no rights for it: CRDs are there before the start.
    settings.scanning.disabled = True
    # Finished objects never arrive: an object that finishes leaves the view, as DELETED.
    for kind in KINDS:
        settings.watching.field_selectors[GROUP, VERSION, kind.plural] = UNFINISHED

    # Events come from kube.events, on transitions; one per log line would flood the API server.
    settings.posting.enabled = False
    settings.posting.loggers = False

    # kopf stores nothing for on.event handlers. The names are ours all the same, so that another
    # operator's handlers on the same objects could never be taken for these. What an object was
    # like when it was last handled is not even reckoned.
    settings.persistence.finalizer = f"{GROUP}/kopf"
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=GROUP, v1=False)
    settings.persistence.diffbase_storage = NoDiffBase()

    # A stuck stream is ended by the server, and by the client where the server is gone. Whole
    # numbers: a float would be sent as "300.0", which the API server refuses.
    settings.watching.server_timeout = SERVER_TIMEOUT
    settings.watching.client_timeout = SERVER_TIMEOUT + 10
    settings.watching.connect_timeout = 10
    # Bookmarks come once a minute; a stream without any is taken for dead.
    settings.watching.inactivity_timeout = INACTIVITY
    # Longer than the default 0.1 s: an API server that is coming up is not knocked down again.
    settings.watching.reconnect_backoff = 1
    # Lists arrive in pages, so that a start over thousands of objects needs little memory; or out
    # of the API server's cache, where it would be long in finding them among all others.
    settings.watching.initial_streaming = streams
    settings.watching.chunk_size = 500

    # At most so many objects in kopf's hands. Only with a short idle time: an idle worker keeps its
    # place for that long.
    settings.queueing.worker_limit = 200
    settings.queueing.idle_timeout = 0.1
    # The handlers only fill the inbox, so there is nothing to wait for at the end.
    settings.queueing.exit_timeout = 2
    # After an error in kopf itself, an object is heard of again within half a minute.
    settings.queueing.error_delays = (1, 2, 5, 10, 30)

    # Short requests only (lists and discovery): a hung one is given up and tried again.
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    # An API server that answers 5xx or 403 (it comes up, its etcd is away) ends the process only
    # after ten minutes: a new process could do no more, and would know less.
    settings.networking.error_backoffs = (1, 2, 4, *[5] * 118)

    # kopf may not kill the process: a request that was begun is finished and recorded first. The
    # pod's terminationGracePeriodSeconds is the last resort.
    settings.process.ultimate_exiting_timeout = None
