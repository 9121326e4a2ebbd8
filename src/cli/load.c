/* SPDX-License-Identifier: MIT */
#include "cli/load.h"

#include <poll.h>
#include <stddef.h>

#include "cli/clock.h"
#include "client/blockhead.h"

/* xorshift64*: the same sectors in each run. */
static uint64_t draw(struct load *load)
{
    if (load->random == 0)
        load->random = 1;
    load->random ^= load->random >> 12;
    load->random ^= load->random << 25;
    load->random ^= load->random >> 27;
    return load->random * UINT64_C(2685821657736338717);
}

static uint64_t choose(struct load *load)
{
    const uint64_t last = load->sector_count - load->run;
    uint64_t lsn = load->next;

    if (!load->sequential)
        return (draw(load) >> 32) * (last + 1) >> 32;
    load->next = lsn + load->run <= last ? lsn + load->run : 0;
    return lsn;
}

static int start_one(struct load *load, unsigned i)
{
    struct load_slot *slot = &load->slots[i];
    const uint64_t lsn = choose(load);
    const size_t len = (size_t)load->run * load->sector_len;
    int result;

    slot->started_ns = clock_ns();
    result = load->image == NULL
                 ? bh_disk_start_read_run(load->disk, (uint32_t)lsn, load->run,
                                          load->data + i * len, slot)
                 : bh_disk_start_write_run(load->disk, (uint32_t)lsn, load->run,
                                           load->image + lsn * load->sector_len,
                                           slot);
    if (result != 0)
        return result;
    slot->busy = true;
    load->under_way++;
    return 0;
}

static int start_some(struct load *load)
{
    int result = 0;

    for (unsigned i = 0; i < load->window && result == 0; i++)
        if (!load->slots[i].busy)
            result = start_one(load, i);
    return result;
}

static int take_back(struct load *load)
{
    const uint64_t now_ns = clock_ns();
    struct bh_done done;

    while (bh_disk_next(load->disk, &done)) {
        struct load_slot *slot = done.tag;

        slot->busy = false;
        load->under_way--;
        if (done.result != 0)
            return done.result;
        latency_add(&load->latency, now_ns - slot->started_ns);
    }
    return 0;
}

int load_step(struct load *load, bool more, int wait_ms)
{
    int result = more ? start_some(load) : 0;
    int due_ms;

    if (result != 0)
        return result;
    bh_disk_process(load->disk); /* what was started leaves */
    due_ms = bh_disk_wait_ms(load->disk);
    result = interrupt_poll(load->interrupt, bh_disk_fd(load->disk), POLLIN,
                            due_ms >= 0 && due_ms < wait_ms ? due_ms : wait_ms);
    if (result != 0)
        return result;
    bh_disk_process(load->disk);
    return take_back(load);
}
