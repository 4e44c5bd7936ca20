"""The circuit breaker, against a plain model of what it is to do."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from oauth_helper.common.circuit_breaker import CircuitBreaker

LIMIT, RESET_TIMEOUT, HALF_OPEN_TIMEOUT = 3, 2.0, 10.0


class Breaking(RuleBasedStateMachine):
    """Calls come one after the other, and report how they went or not."""

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.breaker = CircuitBreaker(
            failures=LIMIT,
            reset_timeout=RESET_TIMEOUT,
            half_open_timeout=HALF_OPEN_TIMEOUT,
            clock=lambda: self.now,
        )
        self.failed_in_a_row = 0
        self.closed_until = 0.0

    @rule(seconds=st.floats(0.1, 12))
    def time_passes(self, seconds):
        self.now += seconds

    @rule(answer=st.sampled_from(["succeeds", "fails", "says nothing"]))
    def a_call_is_made(self, answer):
        is_open = self.failed_in_a_row >= LIMIT
        is_skipped = is_open and self.now < self.closed_until
        assert self.breaker.is_open == is_open
        assert self.breaker.is_rejecting() == is_skipped
        is_allowed = self.breaker.allow_request()
        assert is_allowed is not is_skipped
        if not is_allowed:
            return
        if is_open:
            self.closed_until = self.now + HALF_OPEN_TIMEOUT
        if answer == "succeeds":
            self.breaker.succeeded()
            self.failed_in_a_row = 0
        elif answer == "fails":
            self.breaker.failed()
            self.failed_in_a_row += 1
            self.closed_until = self.now + RESET_TIMEOUT

    @precondition(lambda self: self.failed_in_a_row < LIMIT)
    @rule(number=st.integers(1, 5))
    def many_come_at_once(self, number):
        assert all(self.breaker.allow_request() for _ in range(number))


TestBreaking = Breaking.TestCase
TestBreaking.settings = settings(max_examples=60, stateful_step_count=30)
