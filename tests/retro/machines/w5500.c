/* SPDX-License-Identifier: MIT */
/* This machine, with the W5500 of w5500_model.c. */
#include <time.h>

#include "line.h"
#include "server.h"
#include "tick.h"
#include "w5500_model.h"

void bh_spi_select(uint8_t on)
{
    w5500_select(on);
}

uint8_t bh_spi_exchange(uint8_t byte)
{
    return w5500_exchange(byte);
}

uint8_t bh_tick(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint8_t)((unsigned)now.tv_sec * 50u +
                     (unsigned)now.tv_nsec / 20000000u);
}

void bh_chip_open(void)
{
    server_open();
    bh_w5500_open(&w5500_settings);
}
