/* SPDX-License-Identifier: MIT */
/*
 * A UDP path that does damage: it drops, doubles and delays datagrams, both
 * ways, by a seed. Each client has a socket of its own towards the server for
 * as long as the proxy lives, so that a server that was killed and started
 * again sees the same peers.
 *
 * Usage: torture_proxy LISTEN-PORT SERVER-ADDRESS SERVER-PORT DROP DOUBLE
 *        REORDER HOLD-MS SPREAD SEED
 *
 * DROP, DOUBLE and REORDER are per thousand. A reordered datagram waits for 1
 * to HOLD-MS milliseconds, while others pass it. With SPREAD 1 the second copy
 * of a doubled one waits likewise; with 0 it follows at once.
 *
 * Prints the port; when ended with SIGTERM, what it did.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX 64
#define HELD_MAX 8192
#define DATAGRAM_MAX 17000
#define BATCH 64 /* datagrams from one socket before the others' turn */
#define BUFFER_LEN (4 << 20)

struct client {
    struct sockaddr_in address;
    int back; /* towards the server */
};

/* A datagram that waits. */
struct held {
    uint64_t due_us;
    size_t client;
    bool up; /* towards the server */
    size_t len;
    uint8_t *bytes;
};

struct proxy {
    unsigned drop, twice, reorder, hold_ms, spread;
    uint64_t random;
    struct sockaddr_in server;
    int front;
    struct client clients[CLIENTS_MAX];
    size_t client_count;
    struct held held[HELD_MAX];
    size_t held_count;
    unsigned long long seen, dropped, doubled, reordered;
};

static volatile sig_atomic_t stopping;

static void on_term(int number)
{
    (void)number;
    stopping = 1;
}

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static unsigned draw(struct proxy *proxy, unsigned below)
{
    proxy->random ^= proxy->random << 13;
    proxy->random ^= proxy->random >> 7;
    proxy->random ^= proxy->random << 17;
    return (unsigned)((proxy->random >> 33) % below);
}

static int open_socket(const struct sockaddr_in *local)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int len = BUFFER_LEN;

    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &len, sizeof len);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &len, sizeof len);
    if (fd < 0 || bind(fd, (const void *)local, sizeof *local) != 0) {
        perror("torture_proxy: socket");
        exit(1);
    }
    return fd;
}

/* What cannot be sent is lost, as on a network; nobody may listen there. The
 * first call may only report what an earlier datagram met. */
static void pass(struct proxy *proxy, size_t client, bool up,
                 const uint8_t *bytes, size_t len)
{
    const struct client *it = &proxy->clients[client];

    if (up) {
        if (send(it->back, bytes, len, 0) < 0)
            send(it->back, bytes, len, 0);
    } else {
        sendto(proxy->front, bytes, len, 0, (const void *)&it->address,
               sizeof it->address);
    }
}

static void hold(struct proxy *proxy, size_t client, bool up,
                 const uint8_t *bytes, size_t len)
{
    struct held *held = &proxy->held[proxy->held_count];

    if (proxy->held_count == HELD_MAX) {
        pass(proxy, client, up, bytes, len);
        return;
    }
    held->due_us = now_us() + 1000 * (1 + draw(proxy, proxy->hold_ms));
    held->client = client;
    held->up = up;
    held->len = len;
    held->bytes = malloc(len + 1);
    if (held->bytes == NULL)
        abort();
    memcpy(held->bytes, bytes, len);
    proxy->held_count++;
}

/* Sends what has waited long enough; returns the milliseconds until the next
 * is due. */
static int release(struct proxy *proxy)
{
    uint64_t now = now_us(), next = now + 1000000;

    for (size_t i = 0; i < proxy->held_count;) {
        struct held *held = &proxy->held[i];

        if (held->due_us > now) {
            if (held->due_us < next)
                next = held->due_us;
            i++;
            continue;
        }
        pass(proxy, held->client, held->up, held->bytes, held->len);
        free(held->bytes);
        *held = proxy->held[--proxy->held_count];
    }
    return (int)((next - now + 999) / 1000);
}

static void damage(struct proxy *proxy, size_t client, bool up,
                   const uint8_t *bytes, size_t len)
{
    proxy->seen++;
    if (draw(proxy, 1000) < proxy->drop) {
        proxy->dropped++;
        return;
    }
    if (draw(proxy, 1000) < proxy->reorder) {
        proxy->reordered++;
        hold(proxy, client, up, bytes, len);
    } else {
        pass(proxy, client, up, bytes, len);
    }
    if (draw(proxy, 1000) < proxy->twice) {
        proxy->doubled++;
        if (proxy->spread)
            hold(proxy, client, up, bytes, len);
        else
            pass(proxy, client, up, bytes, len);
    }
}

static size_t find_client(struct proxy *proxy,
                          const struct sockaddr_in *address)
{
    static const struct sockaddr_in any = {.sin_family = AF_INET};
    struct client *client;

    for (size_t i = 0; i < proxy->client_count; i++)
        if (proxy->clients[i].address.sin_port == address->sin_port &&
            proxy->clients[i].address.sin_addr.s_addr ==
                address->sin_addr.s_addr)
            return i;
    if (proxy->client_count == CLIENTS_MAX)
        exit(1);
    client = &proxy->clients[proxy->client_count];
    client->address = *address;
    client->back = open_socket(&any);
    if (connect(client->back, (void *)&proxy->server, sizeof proxy->server) !=
        0)
        exit(1);
    return proxy->client_count++;
}

static void take_front(struct proxy *proxy)
{
    static uint8_t bytes[DATAGRAM_MAX];
    struct sockaddr_in from;

    for (int i = 0; i < BATCH; i++) {
        socklen_t from_len = sizeof from;
        ssize_t len = recvfrom(proxy->front, bytes, sizeof bytes, 0,
                               (void *)&from, &from_len);

        if (len >= 0)
            damage(proxy, find_client(proxy, &from), true, bytes, (size_t)len);
        else
            return;
    }
}

static void take_back(struct proxy *proxy, size_t client)
{
    static uint8_t bytes[DATAGRAM_MAX];

    for (int i = 0; i < BATCH; i++) {
        ssize_t len = recv(proxy->clients[client].back, bytes, sizeof bytes, 0);

        if (len >= 0)
            damage(proxy, client, false, bytes, (size_t)len);
        else
            return; /* nothing, or what an earlier datagram met */
    }
}

/* What is due leaves before anything new is taken, so that a pause of this
 * process does not make a delay longer than the others see it. */
static void run(struct proxy *proxy)
{
    struct pollfd polls[CLIENTS_MAX + 1];

    while (!stopping) {
        int wait_ms = release(proxy);
        size_t count = proxy->client_count;

        polls[0] = (struct pollfd){proxy->front, POLLIN, 0};
        for (size_t i = 0; i < count; i++)
            polls[i + 1] = (struct pollfd){proxy->clients[i].back, POLLIN, 0};
        if (poll(polls, count + 1, wait_ms) <= 0)
            continue;
        release(proxy);
        for (size_t i = 0; i < count; i++)
            if (polls[i + 1].revents != 0)
                take_back(proxy, i);
        if (polls[0].revents != 0)
            take_front(proxy);
    }
}

static struct sockaddr_in address_of(const char *host, const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port =
                                      htons((uint16_t)strtoul(port, NULL, 10))};

    if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
        exit(64);
    return address;
}

static void configure(struct proxy *proxy, char **words)
{
    struct sockaddr_in local = address_of("127.0.0.1", words[1]);
    socklen_t local_len = sizeof local;

    proxy->server = address_of(words[2], words[3]);
    proxy->drop = (unsigned)strtoul(words[4], NULL, 10);
    proxy->twice = (unsigned)strtoul(words[5], NULL, 10);
    proxy->reorder = (unsigned)strtoul(words[6], NULL, 10);
    proxy->hold_ms = (unsigned)strtoul(words[7], NULL, 10);
    proxy->spread = (unsigned)strtoul(words[8], NULL, 10);
    proxy->random = strtoull(words[9], NULL, 10) * 0x9E3779B97F4A7C15u + 1;
    proxy->front = open_socket(&local);
    getsockname(proxy->front, (void *)&local, &local_len);
    printf("%u\n", (unsigned)ntohs(local.sin_port));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static struct proxy proxy;
    struct sigaction action = {.sa_handler = on_term};

    if (argc != 10) {
        fprintf(stderr,
                "usage: torture_proxy LISTEN-PORT SERVER-ADDRESS "
                "SERVER-PORT DROP DOUBLE REORDER HOLD-MS SPREAD SEED\n");
        return 64;
    }
    sigaction(SIGTERM, &action, NULL);
    configure(&proxy, argv);
    run(&proxy);
    printf("{\"seen\": %llu, \"dropped\": %llu, \"doubled\": %llu, "
           "\"reordered\": %llu}\n",
           proxy.seen, proxy.dropped, proxy.doubled, proxy.reordered);
    return 0;
}
