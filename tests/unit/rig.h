/* SPDX-License-Identifier: MIT */
/*
 * A server that is a test: it reads each datagram off a loopback socket, looks
 * at its bytes, and answers what the claim needs. The disk's clock is the
 * test's, so nothing waits for time to pass.
 */
#ifndef BH_TESTS_UNIT_RIG_H
#define BH_TESTS_UNIT_RIG_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/blockhead.h"
#include "wire/identify.h"

#define PATIENCE_MS                                                            \
    10000 /* for loopback; never waited out when all is well                   \
           */

struct rig {
    struct bh_disk *disk;
    uint64_t now_us;
    int fd; /* the server's socket */
    bool old;
    int last; /* result */
    struct sockaddr_in peer;
    char url[80];
    uint8_t request[20000];
    size_t request_len;
    struct bh_identify identify; /* what IDENTIFY answers */
};

int bind_loopback(uint16_t *port);
int set_up(void **state);
int set_up_old(void **state);
int tear_down(void **state);
int readable(int fd, int wait_ms);
const uint8_t *take(struct rig *rig);
void assert_silence(struct rig *rig);
void answer(struct rig *rig, const void *bytes, size_t len);
uint8_t high_of(const struct rig *rig);
uint16_t number_of(const struct rig *rig);
void answer_command(struct rig *rig, uint8_t status, const void *data,
                    size_t len);
void answer_connect(struct rig *rig, uint8_t status, uint16_t session);
void answer_identify(struct rig *rig);
void take_command(struct rig *rig, uint8_t opcode, uint16_t session);
int process(struct rig *rig);
int wait_out(struct rig *rig);
void assert_goes_on(int rc);
void take_connect(struct rig *rig);
void assert_says(struct rig *rig, const char *words);
void open_with(struct rig *rig, unsigned flags);
int lose_session(struct rig *rig, uint64_t counter, uint64_t instance);
int lose_session_to(struct rig *rig, uint64_t counter);
void assert_lost(struct rig *rig, int error);
void assert_discon(struct rig *rig, uint16_t session);
void take_reconnection(struct rig *rig);
void take_keep(struct rig *rig, uint16_t session);
void sleep_ms(struct rig *rig, uint32_t ms);
void answer_busy(struct rig *rig, uint16_t ms);

#endif
