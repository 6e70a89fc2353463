"""Instances that share one port."""

import pytest

from request_parts import OK
from service import Service


def instances_of(service, connections=64):
    """The sizes of the pools of those that answer: each connection goes to one instance."""
    return {service.health()["pool"]["target"] for _ in range(connections)}


def test_instances_share_a_port_and_one_that_ends_leaves_it_to_the_others(start):
    first = start(share_port=1, pool=2)
    with Service(share_port=1, port=first.port, pool=3) as second:
        assert second.port == first.port
        assert instances_of(first) == {2, 3}
        assert [second.execute(OK).status for _ in range(16)] == [200] * 16
    assert instances_of(first) == {2}
    assert first.execute(OK).status == 200


@pytest.mark.parametrize("of_first, of_second", [(0, 1), (1, 0)])
def test_a_port_is_shared_only_if_both_instances_say_so(start, of_first, of_second):
    first = start(share_port=of_first, pool=2)
    with pytest.raises(RuntimeError, match=f"{first.port}: Address already in use"):
        Service(share_port=of_second, port=first.port, pool=2)
    assert instances_of(first) == {2}
