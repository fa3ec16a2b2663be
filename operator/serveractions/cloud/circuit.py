"""Leaves a cloud alone that does not answer, so that waiting for it is not everybody's time.

Each object that looks at a silent cloud would hold a worker until the read's time is over, and a
few dozen such objects would hold all of them. So after some time-outs in a row one request at a
time finds out whether the cloud is back, after growing pauses, and all others fail at once. A cloud
that refuses or answers nonsense costs no time, and is not left alone; nor is one in which only some
servers do not answer.
"""

from collections.abc import Callable

from serveractions.core.errors import CloudUnavailable

IN_A_ROW = 3
"""Time-outs without any answer between them."""
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 1.5
"""Between two requests that find out, as parts of what one may cost; doubled up to the longest."""


class Circuit:
    """What is known of whether one cloud answers."""

    def __init__(self, clock: Callable[[], float], *, seconds: float) -> None:
        """Know nothing yet.

        Args:
            clock: Monotonic seconds.
            seconds: The longest that one request may take.
        """
        self._clock = clock
        self._seconds = seconds
        self._missed = 0
        self._silence: str | None = None
        self._pause = 0.0
        self._resume = 0.0
        self._asking = False

    @property
    def silent(self) -> bool:
        """Whether the cloud is left alone."""
        return self._silence is not None

    def left_alone(self) -> CloudUnavailable:
        """Return what to tell whoever would wait for the cloud now."""
        left = max(self._resume - self._clock(), FIRST_PAUSE * self._seconds)
        return CloudUnavailable(str(self._silence), retry_after=left)

    def begin(self) -> bool:
        """Ask whether a request may go out; return whether it is the one that finds out.

        Raises:
            CloudUnavailable: The cloud is left alone at present.
        """
        if not self.silent:
            return False
        if self._asking or self._clock() < self._resume:
            raise self.left_alone()
        self._asking = True
        return True

    def end(self, *, found_out: bool) -> None:
        """Say that a request is over, whatever became of it; `found_out` is what `begin` said."""
        if found_out:
            self._asking = False

    def answered(self) -> None:
        """Note that something came, whatever it was."""
        self._silence, self._missed = None, 0

    def missed(self, silence: str) -> None:
        """Note that nothing came in time; `silence` says so to people."""
        now = self._clock()
        self._missed += 1
        if self._missed < IN_A_ROW or (self.silent and now < self._resume):
            return  # requests that were under way together count once
        longer = 2 * self._pause if self.silent else FIRST_PAUSE * self._seconds
        self._pause = min(longer, LONGEST_PAUSE * self._seconds)
        self._silence, self._resume = silence, now + self._pause
