/* SPDX-License-Identifier: MIT */
#include "core/host.h"

#include "core/hash.h"

#include <assert.h>
#include <string.h>

uint32_t bh_hosts_bucket_count(uint32_t count)
{
    uint32_t buckets = 1;

    while (buckets < count)
        buckets *= 2;
    return buckets;
}

void bh_hosts_init(struct bh_hosts *hosts, struct bh_host *of,
                   struct bh_host **buckets, uint32_t count,
                   const uint8_t hash_key[16])
{
    hosts->of = of;
    hosts->buckets = buckets;
    hosts->count = count;
    hosts->bucket_count = bh_hosts_bucket_count(count);
    hosts->used = 0;
    bh_list_init(&hosts->unowned);
    memcpy(hosts->hash_key, hash_key, sizeof hosts->hash_key);
}

static struct bh_host **bucket_of(const struct bh_hosts *hosts,
                                  const uint8_t key[BH_NETWORK_LEN])
{
    uint64_t hash = bh_hash(hosts->hash_key, key, BH_NETWORK_LEN);

    return &hosts->buckets[hash & (hosts->bucket_count - 1)];
}

static void unchain(struct bh_hosts *hosts, const struct bh_host *host)
{
    struct bh_host **at = bucket_of(hosts, host->key);

    while (*at != host)
        at = &(*at)->chain;
    *at = host->chain;
}

/* A place for a new host: one never used, else the stalest unowned one's. */
static struct bh_host *place(struct bh_hosts *hosts)
{
    struct bh_host *host;

    if (hosts->used < hosts->count)
        return &hosts->of[hosts->used++];
    assert(!bh_list_empty(&hosts->unowned)); /* invariant 2 */
    host = BH_OWNER(bh_list_take(&hosts->unowned), struct bh_host, unowned);
    unchain(hosts, host);
    return host;
}

struct bh_host *bh_host_find(struct bh_hosts *hosts, const struct bh_peer *peer)
{
    struct bh_host **bucket = bucket_of(hosts, peer->host);
    struct bh_host *host = *bucket;

    while (host != NULL && memcmp(host->key, peer->host, BH_NETWORK_LEN) != 0)
        host = host->chain;
    if (host == NULL) {
        host = place(hosts);
        memset(host, 0, sizeof *host);
        memcpy(host->key, peer->host, BH_NETWORK_LEN);
        bh_list_init(&host->unowned);
        bh_list_init(&host->sessions);
        bh_list_init(&host->pendings);
        host->chain = *bucket;
        *bucket = host;
    }
    if (host->owned == 0) { /* heard just now: the last to go */
        bh_list_remove(&host->unowned);
        bh_list_append(&hosts->unowned, &host->unowned);
    }
    return host;
}

void bh_host_own(struct bh_host *host)
{
    if (host->owned++ == 0)
        bh_list_remove(&host->unowned);
}

void bh_host_disown(struct bh_hosts *hosts, struct bh_host *host)
{
    assert(host->owned > 0);
    if (--host->owned == 0)
        bh_list_append(&hosts->unowned, &host->unowned);
}

bool bh_host_may(uint64_t *due_ms, uint64_t now, uint32_t burst,
                 uint32_t interval_ms)
{
    uint64_t due = *due_ms > now ? *due_ms : now;

    if (due - now > (uint64_t)(burst - 1) * interval_ms)
        return false;
    *due_ms = due + interval_ms;
    return true;
}
