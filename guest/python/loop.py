"""The event loop of the guest: timers and completions, no sockets and no polling.

Run once before the snapshot. Waiting is one wait of the host for the next timer or the next call that is done; a loop
that has neither would wait for ever, and raises instead.
"""

import asyncio
import asyncio.base_events
import asyncio.events

import _sandgate_calls
import _sandgate_threads


class _Waiter:
    """Where a loop of sockets has a selector."""

    def select(self, timeout):
        _sandgate_calls.rest(timeout)
        return ()

    def close(self):
        pass


class EventLoop(asyncio.base_events.BaseEventLoop):
    """An event loop for a guest that has one thread and one way out."""

    def __init__(self):
        super().__init__()
        self._selector = _Waiter()
        # Clocks are no finer than a millisecond; without this a timer would fire one turn late.
        self._clock_resolution = 0.001

    def _process_events(self, events):
        pass

    def _write_to_self(self):
        _sandgate_threads.stir()

    def close(self):
        if not self.is_running():
            super().close()

    def run_in_executor(self, executor, func, *args):
        """A call of a service is only begun; anything else gets a thread."""
        self._check_closed()
        call = _sandgate_calls.future_of(func, args, {}) if executor is None else None
        if call is not None:
            return asyncio.wrap_future(call, loop=self)
        return super().run_in_executor(executor, func, *args)

    def add_signal_handler(self, sig, callback, *args):
        """No signal ever arrives, so the handler is never called."""

    def remove_signal_handler(self, sig):
        return False

    async def create_connection(self, *_arguments, **_named):
        raise PermissionError("there is no network in the sandbox: a service is the only way out")

    create_server = create_datagram_endpoint = create_unix_connection = create_unix_server = create_connection
    getaddrinfo = getnameinfo = sock_connect = create_connection

    async def subprocess_exec(self, *_arguments, **_named):
        raise PermissionError("there are no processes in the sandbox")

    subprocess_shell = subprocess_exec


class EventLoopPolicy(asyncio.events._BaseDefaultEventLoopPolicy):
    """Makes the loop above."""

    _loop_factory = EventLoop


EventLoop.__module__ = EventLoopPolicy.__module__ = "asyncio"
asyncio.EventLoop = asyncio.SelectorEventLoop = EventLoop
asyncio.events._event_loop_policy = EventLoopPolicy()
