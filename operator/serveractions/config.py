"""All that an installation can set. Read once in `operate`; nothing else looks at the
environment.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The operator's configuration. Times are in seconds."""

    namespace: str = "serveractions-system"
    """Where the operator's own Leases are. Change it with the namespace of the installation."""
    watch_namespaces: tuple[str, ...] = ()
    """Namespaces to serve, empty for all. Name them where the operator may not see the whole
    cluster.
    """
    identity: str = "serveractions"
    """How this process signs Leases and intents; must be unique for each process (the pod's
    name).
    """
    slots: int = 8
    """Into how many parts the servers are divided, each with one Lease. Change it only with all
    processes stopped.
    """
    shard: str = ""
    """Which part of the slots this process strives to hold, as `i/n` with i from 0, or `auto/n` in
    a StatefulSet, where i is the number at the end of the pod's name. Empty for all of them: one
    process works and the others stand by. Set it, with n processes, when one is not enough. What
    nobody holds is taken over by any process, after a Lease's duration and one renewal more, and
    given back to the process whose part it is. A pod whose number is n or above only stands by. To
    change n, change it for one process after the other.
    """
    lease_duration: float = 30.0
    """How long a Lease holds without renewal: the wait before another process takes over from a
    killed one.
    """
    lease_renew: float = 10.0
    """How often Leases are renewed. Keep it at a third of the duration."""
    workers: int = 128
    """Objects that are worked on at the same time. Raise it when many clouds are slow at once."""
    workers_per_credentials: int = 32
    """Of them, those that use the same cloud of the same Secret: a cloud that does not answer must
    not take them all.
    """
    cloud_threads: int = 8
    """Reads under way at once in one cloud. Raise it for a big cloud, lower it to spare a small
    one.
    """
    actions_per_second: float = 0.0
    """How many actions are begun in a second in one cloud (an endpoint and region), 0 for any
    number. Set it where Nova's API or its message queue suffers from a burst; 0.2 is one in five
    seconds. Of several processes each sees only a little later what the others begin.
    """
    actions_in_flight: int = 0
    """How many actions may be in flight at once in one cloud, 0 for any number: sent and not over,
    except for what awaits a decision. Set it to what the cloud can do at once, so that the rest
    waits here, in order of age, where it can be cancelled, and not in Nova. Objects of all
    processes count; each process keeps the order among its own. A ServerStateReset is never held
    up, and does not count: here and in what follows.
    """
    live_migrations_per_source: int = 0
    """How many live migrations may leave one host at once, 0 for any number. Nova itself runs few
    at a time (its `max_concurrent_live_migrations`, 1 by default) and queues the rest on the host:
    set it to that number or a little more when whole hosts are emptied.
    """
    live_migrations_per_destination: int = 0
    """How many live migrations may go to one host at once, 0 for any number. Set it where many
    objects name the same host. Where Nova chooses the host nothing is held up, but such migrations
    count from when it is known.
    """
    post_deadline: float = 60.0
    """The longest that one action request may take. changePassword blocks until the guest has
    answered.
    """
    claim_bound: float = 30.0
    """How long after a claim its request may still leave. Raise it only where connecting takes
    longer.
    """
    proxy_lifetime: float = 60.0
    """How long a proxy before Nova may hold a request and still deliver it: what Nova does not show
    by then was not accepted. Raise it to the longest time-out of your load balancers.
    """
    recovery_deadline: float = 3600.0
    """How long Nova's records are searched for a request of which nobody knows whether it was
    accepted, while they cannot be seen. Then a person has to look (OutcomeUnknown).
    """
    reissue_unproven: bool = True
    """Whether a request that Nova's records do not show is sent again. Switch it off where a proxy
    may deliver a request later than `proxy_lifetime`: then such an object ends as OutcomeUnknown.
    """
    read_timeout: float = 20.0
    """The longest that one read of a cloud may take."""
    poll_interval: float = 5.0
    """How often an action in flight is looked at when nothing is about to happen."""
    poll_interval_urgent: float = 1.0
    """The same while it may end any moment. Lower it for a quicker end, at the cost of reads."""
    progress_interval: float = 10.0
    """How often the progress of one running action is written at most."""
    retry_interval: float = 5.0
    """How long a waiting object waits before its next precheck; grows to six times this."""
    sweep_interval: float = 60.0
    """How often finished objects are visited for their TTL and for late changes of their spec."""
    relist_interval: float = 600.0
    """How often the unfinished objects are listed anew, for what a watch has missed."""
    argocd_instance_label: bool = False
    """Whether Argo CD tracks objects by the label `app.kubernetes.io/instance`: then an object with
    it is kept beyond its ttlSecondsAfterFinished, or Argo CD would run the action again."""
    delete_finished: bool = True
    """Whether a finished object is deleted when its ttlSecondsAfterFinished has passed. Switch it
    off where the operator has no right to delete: the object is kept, and its message says why.
    """
    shutdown_grace: float = 75.0
    """How long a stopping process may take to finish a request it has begun: above
    `post_deadline`.
    """
    allow_insecure_tls: bool = False
    """Whether a clouds.yaml may say `verify: false`. Leave it off outside a laboratory."""
    allowed_urls: tuple[str, ...] = ()
    """Prefixes that every contacted URL must have, empty for any, such as
    `https://keystone.example.com:5000,https://nova.example.com/compute`. Set it where tenants bring
    credentials: without it, whoever brings a clouds.yaml can have requests sent into the operator's
    own network, and can claim a server whose id they know in a cloud of their own, for which
    somebody else's action on it then waits.

    Scheme, host and port must be the same, and the path the same or below. So names are allowed and
    not machines: what a name resolves to is not looked at. Use https and names whose DNS you trust
    (pods also try the cluster's search domains), and have a NetworkPolicy forbid the cluster's own
    networks. Another spelling of an address, in decimal or IPv6, is another name.
    """
    probe_address: str = "127.0.0.1"
    """Where liveness, readiness and metrics are served."""
    probe_port: int = 8080
    """The port of the same; 0 for a free one."""
