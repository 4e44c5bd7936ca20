from concurrent.futures import ThreadPoolExecutor

from oauth_helper.sandbox import MemoryState


def test_entries_expire(clock):
    state = MemoryState(clock=clock)
    state.put("key", {"a": 1}, ttl=10)
    clock.now += 9.9
    assert state.get("key") == {"a": 1}
    clock.now += 0.1
    assert state.get("key") is None
    assert state.take("key") is None


def test_one_of_many_takes(clock):
    state = MemoryState(clock=clock)
    state.put("key", {}, ttl=10)
    with ThreadPoolExecutor(8) as pool:
        taken = [found for found in pool.map(state.take, ["key"] * 64) if found is not None]
    assert taken == [{}]


def test_the_oldest_make_room(clock):
    state = MemoryState(size=20, clock=clock)
    for number in range(200):
        state.put(str(number), {"n": number}, ttl=10)
        assert len(state) <= 20
    assert state.get("199") == {"n": 199}
    assert state.get("0") is None


def test_expired_entries_go_before_living_ones(clock):
    state = MemoryState(size=10, clock=clock)
    state.put("long", {}, ttl=100)
    for number in range(9):
        state.put(str(number), {}, ttl=1)
    clock.now += 2
    state.put("new", {}, ttl=1)
    assert state.get("long") == {}


def test_what_the_caller_does_to_a_value_stays_with_the_caller(clock):
    state = MemoryState(clock=clock)
    value = {"a": 1}
    state.put("key", value, ttl=10)
    value["a"] = 2
    state.get("key")["a"] = 3
    assert state.get("key") == {"a": 1}
