# SPDX-License-Identifier: MIT
"""What is measured, and what is to be reached. Contenders of a case are measured in turn, round by round."""
import dataclasses

import servers


@dataclasses.dataclass(frozen=True)
class Contender:
    name: str
    server: object  # makes a context manager of a place and CPUs
    load: str       # options of the load generator
    needs: str = ""   # a program that has to be there
    tuned: bool = False  # the fastest of servers.nbdkit's forms
    kind: str = "ours"  # its colour: "ours", "bare", "plain", "other"


@dataclasses.dataclass(frozen=True)
class Target:
    """The ratio of two contenders' medians."""
    text: str
    of: str
    to: str
    least: float = 0
    most: float = 0


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    title: str
    contenders: tuple
    targets: tuple = ()
    metric: str = "ops_per_s"
    drawn: bool = False  # in the plot
    rounds: int = 0      # 0: as many as the run has
    setting: object = None  # a context around each measurement: servers.slow_image


def blockheadd(load, name="blockheadd", **options):
    return Contender(name, lambda place, cpus: servers.blockheadd(place, cpus, **options), f"--name image {load}")


def echo(mode, load, name, sector=512):
    checks = "" if mode == "plain" else "--unchecked "
    return Contender(name, lambda place, cpus: servers.echo(place, cpus, mode, sector),
                     f"--form bare {checks}{load}", kind="plain" if mode == "plain" else "bare")


def nbdkit(load):
    return Contender("nbdkit", servers.nbdkit, f"--form nbd {load}", "nbdkit", True, "other")


def nbd_server(load):
    return Contender("nbd-server", servers.nbd_server, f"--form nbd --name image {load}", "nbd-server",
                     kind="other")


def qemu_nbd(load):
    return Contender("qemu-nbd", servers.qemu_nbd, f"--form nbd {load}", "qemu-nbd", kind="other")


def plain(load):
    return echo("plain", load, "plain loop")


def others(load):
    return nbdkit(load), nbd_server(load), qemu_nbd(load), plain(load)


HOSTS = "--lanes 10 --hosts --window 8"
RUNS = "--window 64 --gso --sequential"

CASES = (
    Case("one", "512-byte reads, 1 in flight (a default session)",
         (blockheadd("--form default"), echo("one", "--window 1", "echo, unbatched"), *others("--window 1")),
         (Target("512-byte reads, 1 in flight, against the unbatched bare echo", "blockheadd", "echo, unbatched",
                 least=0.95),), drawn=True),
    Case("window", "512-byte random reads, 32 in flight, client without GSO",
         (blockheadd("--window 32"), echo("batch", "--window 32", "echo, batched"), *others("--window 32")),
         (Target("reads, 32 in flight, client without GSO, against the batched bare echo", "blockheadd",
                 "echo, batched", least=0.9),
          Target("the same against nbdkit, one connection each", "blockheadd", "nbdkit", least=2.0)), drawn=True),
    Case("gso", "512-byte random reads, 64 in flight, client with GSO",
         (blockheadd("--window 64 --gso"), echo("gso", "--window 64 --gso", "echo, GSO"), nbdkit("--window 64")),
         (Target("random reads, 64 in flight, GSO client, against nbdkit with 64 in flight", "blockheadd", "nbdkit",
                 least=2.5),), drawn=True),
    Case("run", "sequential 512-byte reads, client with GSO: a READ_RUN of 64 in flight; nbdkit: 64 requests",
         (blockheadd(f"--run 64 {RUNS}"), echo("gso", f"--run 64 {RUNS}", "echo, GSO runs"),
          nbdkit("--window 64 --sequential"), blockheadd(f"--run 32 {RUNS}", "two runs of 32"),
          echo("gso", f"--run 32 {RUNS}", "echo, two of 32")),
         (Target("sequential reads by READ_RUN, GSO client, against nbdkit with 64 in flight", "blockheadd", "nbdkit",
                 least=5.0),
          Target("the same against the bare GSO echo of the same datagrams", "blockheadd", "echo, GSO runs",
                 least=0.75)), drawn=True),
    Case("write", "512-byte random writes, 32 in flight",
         (blockheadd("--window 32 --writes 100 --gso"), echo("gso", "--window 32 --writes 100 --gso", "echo, GSO"),
          *others("--window 32 --writes 100"), blockheadd("--window 32 --writes 100", "without GSO"),
          echo("batch", "--window 32 --writes 100", "echo, batched")),
         (Target("writes, 32 in flight, client with GSO, against nbdkit", "blockheadd", "nbdkit", least=3.0),
          Target("the same, client without GSO", "without GSO", "nbdkit", least=3.0)), drawn=True),
    Case("put", "512-byte sequential writes, 64 in flight, client with GSO",
         (blockheadd("--window 64 --writes 100 --gso --sequential"),
          echo("gso", "--window 64 --writes 100 --gso --sequential", "echo, GSO"),
          nbdkit("--window 64 --writes 100 --sequential")), drawn=True),
    Case("mixed", "70 % reads, 30 % writes of 512 bytes, 32 in flight, client without GSO",
         (blockheadd("--window 32 --writes 30"), echo("batch", "--window 32 --writes 30", "echo, batched"),
          *others("--window 32 --writes 30")), drawn=True),
    Case("sector-128", "128-byte random reads, 32 in flight, client without GSO",
         (blockheadd("--window 32 --sector 128"), echo("batch", "--window 32 --sector 128", "echo, batched", 128),
          nbdkit("--window 32 --sector 128")), drawn=True),
    Case("sector-1024", "1024-byte random reads, 32 in flight, client without GSO",
         (blockheadd("--window 32 --sector 1024"), echo("batch", "--window 32 --sector 1024", "echo, batched", 1024),
          nbdkit("--window 32 --sector 1024")), drawn=True),
    Case("eight", "512-byte random reads, 8 clients (connections) with 16 in flight each, without GSO",
         (blockheadd("--window 16 --lanes 8"), nbdkit("--window 16 --lanes 8")),
         drawn=True),
    Case("sessions", "512-byte random reads of N sessions from 10 addresses, 80 in flight in all",
         tuple(blockheadd(f"--sessions {n} {HOSTS}", f"{n:,}", sessions=20000) for n in (10, 100, 1000, 10000)),
         (Target("10,000 sessions against 10 sessions, same total load", "10,000", "10", least=0.9),), drawn=True),
    Case("slow", "512-byte reads that hit, 1 in flight; 99th percentile of the latency",
         (blockheadd("", "alone"), blockheadd("", "beside a slow one")),
         (Target("p99 of a client whose reads hit, while another reads from a back end that takes 50 ms, against alone",
                 "beside a slow one", "alone", most=1.5),), metric="p99_ns", setting=servers.slow_image),
    Case("windows", "512-byte random reads of blockheadd, N in flight",
         (*(blockheadd(f"--window {n}", f"{n}") for n in (1, 4, 16, 64)),
          *(blockheadd(f"--window {n} --gso", f"{n}, GSO") for n in (16, 32, 64))), drawn=True, rounds=3),
)
