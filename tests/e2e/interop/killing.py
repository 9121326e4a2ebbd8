# SPDX-License-Identifier: MIT
"""A server that is killed and started again, again and again, while something is at work with it."""
import threading
import time

from conftest import wait_until

PROGRESS_LEN = 2000  # bytes of nbdkit's log, which has a line for each request: some twenty of them
PATIENCE_S = 60
TRACE = ("-D", "blockhead.io=1")  # options for nbdkit


class Work(threading.Thread):
    """Does `work` until it has been done once with nobody left to be killed."""

    def __init__(self, work):
        super().__init__(daemon=True)
        self.work, self.last, self.fault, self.rounds = work, False, None, 0
        self.result = None

    def run(self):
        try:
            while not self.last or self.rounds == 0:
                self.result = self.work()
                self.rounds += 1
        except BaseException as fault:  # pylint: disable=broad-except
            self.fault = fault

    def end(self, timeout):
        self.last = True
        self.join(timeout)
        assert not self.is_alive(), "the work does not end"
        if self.fault is not None:
            raise self.fault
        return self.result


def wait_for_progress(one, work, turn):
    goal = one.log_path.stat().st_size + PROGRESS_LEN * (1 + turn % 5)
    wait_until(lambda: one.log_path.stat().st_size > goal or not work.is_alive(), PATIENCE_S)


def kill_under(work, one, server, start, kills, once=False, timeout=300):
    """Kills `server`, and each that start(ADDRESS) makes in its place, while `work` is done. What it returned at last,
    and how often the server was killed. `once`: the work is not begun again."""
    thread = Work(work)
    thread.last = once
    thread.start()
    done = 0
    while done < kills:
        wait_for_progress(one, thread, done)
        if not thread.is_alive():
            break
        server.kill()
        server.end = lambda: None
        time.sleep(0.01 * (done % 3))  # so that the clients meet it away, too
        server = start(server.name)
        done += 1
    return thread.end(timeout), done
