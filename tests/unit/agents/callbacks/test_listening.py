"""What listeners are told of SB3's numbers."""

from intraday_rl.agents.callbacks.listening import ListenerWriter
from tests.support.training import RememberingListener


def test_listeners_get_the_numbers_among_the_values():
    listener = RememberingListener()
    ListenerWriter([listener]).write({"train/loss": 0.5, "time/fps": 7, "note": "text"}, {}, 2048)
    assert listener.metrics == [(2048, {"train/loss": 0.5, "time/fps": 7.0})]


def test_number_of_iterations_is_not_told():
    """It begins anew when a training is gone on with."""
    listener = RememberingListener()
    ListenerWriter([listener]).write({"time/iterations": 3, "train/loss": 0.5}, {}, 2048)
    assert listener.metrics == [(2048, {"train/loss": 0.5})]
