/* SPDX-License-Identifier: MIT */
/* The command line of the load generator. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

enum form {
    FORM_DEFAULT, /* Blockhead, default session: one request under way */
    FORM_STRICT,  /* Blockhead, strict session */
    FORM_BARE,    /* packets as of strict sessions, without any session */
    FORM_NBD
};

struct options {
    enum form form;
    struct sockaddr_storage target;
    socklen_t target_len;
    const char *name; /* of the volume or export */
    size_t sector_len;
    uint8_t exponent;  /* sector_len = 128 << exponent */
    uint64_t size;     /* of the image, for FORM_BARE */
    unsigned window;   /* requests under way in a lane */
    unsigned lanes;    /* sockets */
    unsigned sessions; /* of all lanes together */
    unsigned run;      /* sectors of a READ_RUN; 0: plain READs */
    unsigned writes;   /* percent */
    unsigned timeout_ms;
    double seconds, warm_up_s;
    bool hosts; /* an address of its own for each lane */
    bool gso, structured, sequential;
    bool unchecked; /* an echo: its data means nothing */
    bool verify;    /* every byte, not only a sector's number */
    bool once;      /* each sector once, in order, and no more */
    bool hold;      /* only open the sessions, and wait for the input's end */
};

/* Exits with a sentence if the command line is wrong. */
void options_read(struct options *options, int argc, char **argv);

#endif
