#!/usr/bin/python3
"""The network between hosts and their store: a port for each host.

  relay.py STORE-PORT COUNT

Prints the ports, of hosts 1 to COUNT. Then it reads orders, one a line:

  cut N        nothing passes to or from host N; nobody is told, and what was sent meanwhile
               comes when it passes again, late, also of a connection that its host has given up
  cut N answers   what host N sends passes, and no answer does
  open N       everything passes
  break N      host N's connections are broken, and what was on its way is gone
"""
import asyncio
import socket
import struct
import sys

PORT, COUNT = int(sys.argv[1]), int(sys.argv[2])


class Host:
    def __init__(self):
        self.passes = {"requests": asyncio.Event(), "answers": asyncio.Event()}
        self.writers = set()
        self.open()

    def open(self):
        for event in self.passes.values():
            event.set()

    def cut(self, *ways):
        for way in ways or self.passes:
            self.passes[way].clear()

    def reset(self):
        for writer in list(self.writers):
            if not writer.is_closing():
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                                           struct.pack("ii", 1, 0))
            writer.transport.abort()

    async def carry(self, way, reader, writer):
        """One direction of a connection, and its end."""
        try:
            while True:
                data = await reader.read(65536)
                await self.passes[way].wait()
                if not data:
                    break
                writer.write(data)
                await writer.drain()
            writer.write_eof()
        except OSError:
            writer.transport.abort()

    async def connected(self, reader, writer):
        ends = [writer]
        self.writers.add(writer)
        try:
            await self.passes["requests"].wait()
            store_reader, store_writer = await asyncio.open_connection("127.0.0.1", PORT)
            ends.append(store_writer)
            self.writers.add(store_writer)
            await asyncio.gather(self.carry("requests", reader, store_writer),
                                 self.carry("answers", store_reader, writer))
        except OSError:
            pass  # the store is not there: nor is the connection
        finally:
            for end in ends:
                self.writers.discard(end)
                end.transport.abort()


async def main():
    hosts = [Host() for _ in range(COUNT)]
    servers = [await asyncio.start_server(host.connected, "127.0.0.1", 0, backlog=1000) for host in hosts]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while line := (await orders.readline()).decode().split():
        host = hosts[int(line[1]) - 1]
        {"cut": host.cut, "open": host.open, "break": host.reset}[line[0]](*line[2:])


asyncio.run(main())
