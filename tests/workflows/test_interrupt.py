"""An interrupt waits for the step at hand."""

import signal
import threading

import pytest

from fimbria.workflows.interrupt import postponed


def test_an_interrupt_is_told_and_not_raised_and_a_second_one_is():
    with postponed() as interrupted:
        assert not interrupted()
        signal.raise_signal(signal.SIGINT)
        assert interrupted()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_handlers_that_were_there_are_put_back(number):
    before = signal.getsignal(number)
    with postponed():
        assert signal.getsignal(number) is not before
    assert signal.getsignal(number) is before


def test_another_thread_is_never_told():
    told = []

    def work():
        with postponed() as interrupted:
            told.append(interrupted())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert told == [False]
