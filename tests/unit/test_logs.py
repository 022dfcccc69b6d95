"""Logs: nobody hears anything unless they asked for it here."""

from __future__ import annotations

import os
import threading

import loguru
import pytest

import sqlmem.logs as logs
from sqlmem.errors import SettingsError
from sqlmem.logs import add_sink, follow_debug, heard, log, remove_sink


@pytest.fixture(autouse=True)
def _logs_as_new(monkeypatch):
    """The module as just imported; sinks that a test forgets don't outlive it."""
    monkeypatch.setattr(logs, "_debug", None)
    yield
    for sink in list(logs._levels):
        remove_sink(sink)


@pytest.fixture
def lines():
    return []


def test_the_applications_own_sinks_hear_nothing(lines):
    """A sink on loguru's own logger gets the application's messages and none of ours."""
    theirs = loguru.logger.add(lines.append, level=0, format="{message}")

    log.critical("ours")
    loguru.logger.info("theirs")

    loguru.logger.remove(theirs)
    assert lines == ["theirs\n"]


def test_our_sinks_hear_nothing_of_the_application(lines):
    """The other way round: an application's message never reaches a sink of sqlmem."""
    add_sink(lines.append, format="{message}")

    loguru.logger.critical("theirs")
    log.info("ours")

    assert lines == ["ours\n"]


def test_removing_all_of_the_applications_sinks_keeps_ours(lines):
    """`logger.remove()` is the first line of many programs."""
    add_sink(lines.append, format="{message}")
    theirs = type(loguru.logger)(
        type(loguru.logger._core)(), None, 0, False, False, False, False, True, [], {}
    )

    theirs.remove()
    log.info("still here")

    assert lines == ["still here\n"]


def test_the_private_logger_is_made_as_loguru_makes_its_own():
    """A loguru that changes how its logger is put together is noticed here, not by a user."""
    assert type(log) is type(loguru.logger)
    assert type(log._core) is type(loguru.logger._core)
    assert log._core is not loguru.logger._core
    assert log._options == loguru.logger._options


def test_silent_without_a_sink():
    """The flags that the hot path asks are off, so no message is ever made."""
    assert (heard.debug, heard.info) == (False, False)


def test_a_sink_without_a_level_gets_info(lines):
    """INFO by default: no line per statement."""
    add_sink(lines.append, format="{level}")

    log.debug("statement")
    log.info("snapshot")

    assert lines == ["INFO\n"]
    assert (heard.debug, heard.info) == (False, True)


def test_a_sink_without_a_level_gets_debug_where_the_variable_says_so(lines, monkeypatch):
    """SQLMEM_DEBUG=true, and each statement is a line."""
    monkeypatch.setenv("SQLMEM_DEBUG", "true")

    add_sink(lines.append, format="{level}")
    log.debug("statement")

    assert lines == ["DEBUG\n"]
    assert heard.debug


def test_a_sink_without_a_level_follows_a_later_keyword(lines):
    """`add_sink` usually stands before the engine that is made with debug=True."""
    add_sink(lines.append, format="{message}")

    log.debug("before")
    follow_debug(debug=True)
    log.debug("after")
    follow_debug(debug=False)
    log.debug("and off again")

    assert lines == ["after\n"]
    assert not heard.debug


def test_a_level_that_was_given_stays(lines):
    """Neither the variable nor a keyword changes what was asked for."""
    add_sink(lines.append, "WARNING", format="{message}")

    follow_debug(debug=True)
    log.info("info")
    log.warning("warning")

    assert lines == ["warning\n"]
    assert (heard.debug, heard.info) == (False, False)


def test_a_level_that_the_application_named_is_understood(lines):
    """Levels live in loguru's own core; ours asks there."""
    loguru.logger.level("SQLMEM_TEST_NOTICE", no=22)

    add_sink(lines.append, "SQLMEM_TEST_NOTICE", format="{message}")
    log.info("below")
    log.warning("above")

    assert lines == ["above\n"]


@pytest.mark.parametrize(
    "chosen", [lambda record: "yes" in record["message"], {"": "INFO"}, "another_module"], ids=type
)
def test_filters_are_loguru_filters(lines, chosen):
    """A function, a level per module or a module's name, as in loguru's `add`."""
    add_sink(lines.append, filter=chosen, format="{message}")

    log.debug("yes, but below the level")
    log.info("yes")

    assert lines == ([] if chosen == "another_module" else ["yes\n"])


def test_a_removed_sink_hears_nothing_more(lines):
    """And the flags are off again; removing it twice is loguru's error."""
    sink = add_sink(lines.append, "DEBUG")

    remove_sink(sink)
    log.error("late")

    assert lines == []
    assert (heard.debug, heard.info) == (False, False)
    with pytest.raises(ValueError):
        remove_sink(sink)


def test_a_sink_that_loguru_refuses_changes_nothing():
    """An illegal call raises, and the flags stay as they were."""
    with pytest.raises(TypeError):
        add_sink(object(), "DEBUG")
    with pytest.raises(ValueError):
        add_sink(print, "NO SUCH LEVEL")

    assert (heard.debug, heard.info) == (False, False)
    assert logs._levels == {}


def test_a_debug_variable_that_says_nothing_is_an_error(monkeypatch):
    """As for an engine: a setting that cannot be used names itself."""
    monkeypatch.setenv("SQLMEM_DEBUG", "perhaps")

    with pytest.raises(SettingsError, match="from SQLMEM_DEBUG"):
        add_sink(print)

    assert not heard.info


def test_a_traceback_shows_no_values(lines):
    """loguru's `diagnose` would write a parameter's value beside the line that failed."""
    add_sink(lines.append)

    parameter = f"s3{'cr3t'}"  # in two: the traceback does show the source

    try:
        raise RuntimeError("no value" * (parameter is not None))
    except RuntimeError:
        log.exception("failed")

    assert "RuntimeError" in lines[0]
    assert "s3cr3t" not in lines[0]


def test_threads_that_add_and_remove_leave_the_flags_right(lines):
    """After any interleaving the flags say what the sinks that are left would hear."""
    barrier = threading.Barrier(8)

    def work():
        barrier.wait()
        for _ in range(25):
            remove_sink(add_sink(lines.append, "DEBUG"))

    threads = [threading.Thread(target=work) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (heard.debug, heard.info) == (False, False)
    assert logs._levels == {}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_can_log_although_the_parent_forked_while_a_thread_changed_sinks(lines):
    """Forking waits for the lock, so the child never inherits it locked."""
    stop = threading.Event()

    def churn():
        while not stop.is_set():
            remove_sink(add_sink(lines.append, "DEBUG"))

    thread = threading.Thread(target=churn)
    thread.start()

    codes = []
    for _ in range(10):
        if (child := os.fork()) == 0:
            os._exit(0 if remove_sink(add_sink(print, "DEBUG")) is None else 1)
        codes.append(os.waitpid(child, 0)[1])

    stop.set()
    thread.join()
    assert codes == [0] * 10
