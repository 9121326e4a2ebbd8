/* SPDX-License-Identifier: MIT */
#include "serial.h"

#include <poll.h>

static void one_request(struct load *load, const struct serial_kind *kind)
{
    uint8_t data[LOAD_SECTOR_LEN_MAX];
    uint32_t lsn = load_pick(load), draw = load_draw(load, 100);
    int status;

    if (load->requests < kind->reads_first || draw < 45) {
        load_read(load, lsn);
        status = kind->read(load, lsn, data);
        if (status != 0)
            load_failed(load, "READ", lsn, status);
        load_got(load, lsn, data);
    } else if (draw < 95) {
        load_write(load, lsn, data);
        status = kind->write(load, lsn, data);
        if (status != 0)
            load_failed(load, "WRITE", lsn, status);
        load_wrote(load, lsn);
    } else {
        status = kind->other(load);
        if (status != 0)
            load_failed(load, "FLUSH, IDENTIFY or KEEP", 0, status);
        load->told->others++;
    }
    load->requests++;
}

void serial_run(struct load *load, const struct serial_kind *kind)
{
    int status = kind->open(load);

    if (status != 0)
        load_failed(load, "CONNECT", 0, status);
    while (!load_stopping()) {
        one_request(load, kind);
        load->told->opened = 1;
        kind->tell(load);
        if (kind->pace_ms != 0)
            poll(NULL, 0, (int)kind->pace_ms);
    }
    load_verify_file(load);
    status = kind->close(load);
    if (status != 0)
        load_failed(load, "DISCON", 0, status);
    kind->tell(load);
    load_verify_file(load);
}
