"""What belongs to one frame is done whole before a signal ends the run."""

from __future__ import annotations

import os
import signal

import pytest

from vision.cli.video.signals import ending_between_frames


def test_a_signal_within_a_frame_waits_for_its_end() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), ending_between_frames() as whole:
        for number in range(3):
            with whole:
                if number == 1:
                    os.kill(os.getpid(), signal.SIGINT)
                done.append(number)
    assert done == [0, 1] and not whole.is_torn
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_between_frames_acts_at_once() -> None:
    with pytest.raises(KeyboardInterrupt), ending_between_frames() as whole:
        with whole:
            pass
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("it did not")


def test_the_second_signal_does_not_wait() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), ending_between_frames() as whole, whole:
        os.kill(os.getpid(), signal.SIGINT)
        done.append("first")
        os.kill(os.getpid(), signal.SIGINT)
        done.append("second")
    assert done == ["first"] and whole.is_torn


def test_an_error_leaves_a_frame_torn() -> None:
    with pytest.raises(OSError, match="full"), ending_between_frames() as whole, whole:
        raise OSError("full")
    assert whole.is_torn


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with ending_between_frames():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)
