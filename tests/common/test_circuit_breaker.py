"""The circuit breaker, against a plain model of what it is to do."""

import threading

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from oauth_helper.common.circuit_breaker import CircuitBreaker

LIMIT, PAUSE, PATIENCE = 3, 2.0, 10.0


class Breaking(RuleBasedStateMachine):
    """Callers come one after the other, from threads of their own, and tell how it went or not."""

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.breaker = CircuitBreaker(
            failures=LIMIT, pause=PAUSE, patience=PATIENCE, clock=lambda: self.now
        )
        self.failed_in_a_row = 0
        self.closed_until = 0.0
        self.over = threading.Event()

    def teardown(self):
        self.over.set()

    def asked(self):
        """The answer to a caller whose thread lives on, so that no other has its number."""
        answers, done = [], threading.Event()

        def ask():
            answers.append(self.breaker.admit())
            done.set()
            self.over.wait()

        threading.Thread(target=ask, daemon=True).start()
        assert done.wait(10)
        return answers[0]

    @rule(seconds=st.floats(0.1, 12))
    def time_passes(self, seconds):
        self.now += seconds

    @rule(answer=st.sampled_from(["succeeds", "fails", "says nothing"]))
    def somebody_comes(self, answer):
        is_open = self.failed_in_a_row >= LIMIT
        turned_away = is_open and self.now < self.closed_until
        assert self.breaker.is_open == is_open
        assert self.breaker.is_rejecting() == turned_away
        admitted = self.asked()
        assert admitted is not turned_away
        if not admitted:
            return
        if is_open:
            self.closed_until = self.now + PATIENCE
        if answer == "succeeds":
            self.breaker.succeeded()
            self.failed_in_a_row = 0
        elif answer == "fails":
            self.breaker.failed()
            self.failed_in_a_row += 1
            self.closed_until = self.now + PAUSE

    @precondition(lambda self: self.failed_in_a_row < LIMIT)
    @rule(number=st.integers(1, 5))
    def many_come_at_once(self, number):
        assert all(self.asked() for _ in range(number))


def in_a_thread(ask):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(ask()))
    thread.start()
    thread.join()
    return answers[0]


TestBreaking = Breaking.TestCase
TestBreaking.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_who_was_let_through_may_ask_more_than_once_before_it_says_how_it_went():
    breaker = CircuitBreaker(failures=1, pause=0, patience=100, clock=lambda: 0.0)
    breaker.failed()
    assert breaker.admit()
    assert breaker.admit()
    assert not in_a_thread(breaker.admit)
    breaker.failed()
    assert in_a_thread(breaker.admit)
    assert not breaker.admit()
